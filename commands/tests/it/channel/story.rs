//! Five who write, one of whom may not any more.

use serde_json::{Value, json};

use super::all_agree;
use crate::hyperkv::sync;
use crate::place::{Log, Place};
use crate::replicate::{dupsh, line, report};

/// Each with the next, twice: what anybody has, all have.
fn ring(logs: &[&Log]) -> String {
    let mut said = String::new();
    for _ in 0..2 {
        for (n, log) in logs.iter().enumerate() {
            let (one, other) = sync(log, logs[(n + 1) % logs.len()]);
            said.extend([one, other]);
        }
    }
    said
}

#[test]
fn what_a_revoked_writer_hides_and_backdates_shows_up_in_nobodys_view() {
    let place = Place::new();
    let [ana, ben, cyd, dan, eve] = ["ana", "ben", "cyd", "dan", "eve"].map(|name| place.log(name));
    let all = [&ana, &ben, &cyd, &dan, &eve];
    let key = ana.found("team");
    let keys = [&ben, &cyd, &dan, &eve].map(|log| log.open(&key));
    ana.authorize(&keys[0]);
    ana.authorize(&format!("{} --admin", keys[1]));
    ring(&all);
    cyd.authorize(&keys[2]);
    ring(&all);

    for (name, log) in ["ana", "ben", "cyd", "dan"].iter().zip(all) {
        log.put(&format!("of {name}"), "1");
    }
    let line_of_eve = eve.kv_fails("put 'of eve' 1");
    assert!(line_of_eve.contains("has no grant here") && line_of_eve.contains(&keys[3]), "{line_of_eve}");
    ana.put("topic", "\"logs\"");
    ring(&all);
    all_agree(&all);

    // A copy of ben's folder goes on from here later: a fork, to backdate by.
    let kept = ben.put("ben's last", "1");
    let copy = place.log("copy");
    ben.clone_to(&copy);
    ben.put("topic", "\"views\"");
    ring(&all);
    assert_eq!(dan.held("topic"), [json!("views")]);
    dan.put("topic", "\"both\"");
    ring(&all);

    let ran = ana.kv_run(&format!("revoke {} --keep {kept}", keys[0]));
    assert!(ran.stderr.contains("1 node of those here does not count any more"), "{}", ran.stderr);
    ran.done();
    // He has not heard of it.
    ben.put("hidden", "1");
    ben.put("of ana", "\"mine\"");
    copy.put("of cyd", "\"backdated\"");
    let (_, said) = sync(&copy, &eve);
    assert!(!said.contains("any more"), "nobody told eve yet: {said}");
    assert_eq!(eve.held("of cyd"), [json!("backdated")]);

    let said = ring(&all);
    let told = said.lines().filter(|line| line.starts_with("what counts here changed: ")).count();
    assert_eq!(told, 4, "once to each but ana: {said}");
    assert!(said.contains(
        "what counts here changed: 3 nodes do not count any more\n1 writer fewer: `members` lists them\nthis writer may not write any more\n"
    ));
    all_agree(&all);
    assert_eq!(eve.void().len(), 4, "they are kept, for whoever links to them");
    for log in all {
        assert_eq!(log.get("hidden"), json!({}));
        assert_eq!((log.held("of ana"), log.held("of cyd")), (vec![json!(1)], vec![json!(1)]));
        assert_eq!((log.held("of ben"), log.held("ben's last")), (vec![json!(1)], vec![json!(1)]), "kept");
        // An honest write stands, though it links to one that does not count.
        assert!(log.held("topic").contains(&json!("both")), "{:?}", log.held("topic"));
        assert!(!log.held("topic").contains(&json!("views")));
        assert_eq!(log.members().len(), 3);
        assert_eq!(log.info()["void"], 4);
        assert_eq!(log.kv("list").matches("hidden").count(), 0);
    }

    for command in ["put x 1", "del 'of ana'"] {
        let line = ben.kv_fails(command);
        assert!(line.contains("nothing was written: the grants of writer"), "{line}");
        assert!(line.ends_with("; an admin can authorize it again"), "{line}");
    }
    assert_eq!(ben.whoami()["role"], "ended");
    let shown = eve.does("list");
    assert_eq!(shown.lines().filter(|line| line.contains("  (void) ")).count(), 4, "{shown}");
    // Authorized again he goes on, and what was void stays so.
    cyd.authorize(&keys[0]);
    ring(&all);
    ben.put("of ben", "2");
    ring(&all);
    all_agree(&all);
    assert_eq!((eve.held("of ben"), eve.get("hidden")), (vec![json!(2)], json!({})));
}

#[test]
fn a_revocation_that_falls_brings_back_what_it_took() {
    let place = Place::new();
    let (ana, ben, key) = super::two(&place);
    let cyd = place.log("cyd");
    ana.authorize(&format!("{} --admin", cyd.open(&key)));
    sync(&ana, &cyd);
    let dan = place.log("dan");
    let of_dan = dan.open(&key);
    cyd.authorize(&of_dan);
    sync(&cyd, &dan);
    dan.put("of dan", "1");
    let revoked = cyd.does(&format!("revoke {of_dan} --keep-none"));
    assert_eq!(revoked.lines().count(), 1);
    sync(&cyd, &dan);
    assert_eq!(dan.get("of dan"), json!({}));
    sync(&cyd, &ana);
    // The revocation was made by somebody who may no more, and only the grant to dan is kept.
    let grants = ana.does("members --all --json");
    let grant: Vec<Value> =
        crate::place::json_lines(&grants).into_iter().filter(|grant| grant["key"] == *of_dan).collect();
    assert_eq!(grant[0]["state"], "revoked");
    let kept = grant[0]["grant"].as_str().unwrap();
    ana.does(&format!("revoke {} --keep {kept}", cyd.writer()));
    let both = dupsh(&line(&ana.call("sync --json")), &line(&dan.call("sync --json")));
    let (of_ana, of_dan) = both.well();
    let cyd = json!({ "key": cyd.writer(), "role": "admin" });
    assert_eq!(
        report(&of_ana)["standing"],
        json!({ "voided": 0, "restored": 0, "more": [], "fewer": [], "role": "admin", "role_changed": false })
    );
    let more = json!([{ "key": dan.writer(), "role": "writer" }]);
    assert_eq!(
        report(&of_dan)["standing"],
        json!({ "voided": 1, "restored": 1, "more": more, "fewer": [cyd], "role": "writer", "role_changed": true })
    );
    assert_eq!(dan.held("of dan"), [json!(1)]);
    sync(&ana, &ben);
    all_agree(&[&ana, &ben, &dan]);
    dan.put("more", "1");
}
