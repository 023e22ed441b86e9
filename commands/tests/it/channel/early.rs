//! Before the first sync.

use serde_json::json;

use crate::hyperkv::sync;
use crate::place::Place;

#[test]
fn before_the_first_sync_nothing_is_claimed_about_the_role() {
    let place = Place::new();
    let (ana, ben) = (place.log("ana"), place.log("ben"));
    let key = ana.found("team");
    let ran = ben.run(["open", &key]);
    let hint = "nothing of the channel is here yet: sync first\nunless this is the recovery key, an admin has to authorize it as well\n";
    assert!(ran.stderr.ends_with(hint), "{}", ran.stderr);
    let writer = ran.done().trim_end().to_owned();
    assert!(ben.run(["whoami"]).stderr.contains("; role here: not known before a sync"));
    assert_eq!((&ben.whoami()["role"], &ben.info()["role"]), (&json!(null), &json!(null)));
    assert!(ben.does("info").contains("role     not known before a sync"));
    for line in [ben.kv_fails("put a 1"), ben.fails("append x")] {
        assert!(line.contains("not written: nothing of the channel is here yet: sync first; unless this is"));
        assert!(!line.contains("grant"), "{line}");
    }
    for command in
        ["resign".into(), format!("authorize {}", ana.writer()), format!("revoke {}", ana.writer())]
    {
        let line = ben.fails(&command);
        assert_eq!(line, "hyperlog: nothing of the channel is here yet: sync first", "{command}");
    }
    for command in ["members", "members --all"] {
        assert_eq!(ben.run(command.split(' ')).stderr, "nothing of the channel is here yet: sync first\n");
    }
    // Afterwards it is said once.
    let (_, said) = sync(&ana, &ben);
    assert!(said.contains("\n1 admin more: `members` lists them\n"), "{said}");
    assert!(said.contains("this writer is a reader: to write, an admin has to authorize it"), "{said}");
    assert_eq!((&ben.whoami()["role"], &ben.info()["role"]), (&json!("reader"), &json!("reader")));
    assert!(ben.run(["whoami"]).stderr.contains("; role here: reader"));
    assert!(ben.does("info").contains("role     reader\n"));
    let (_, said) = sync(&ana, &ben);
    assert_eq!(said.lines().count(), 1, "{said}");
    let ran = ana.run(["authorize", &writer, "--admin"]);
    assert_eq!(ran.stderr, "it can write once it has synced with somebody who has this grant\n");
    ran.done();
    let (_, said) = sync(&ana, &ben);
    assert!(said.contains("\n1 admin more: `members` lists them\nthis writer is admin now\n"), "{said}");
}
