//! What is said when grants end.

use std::fs;

use serde_json::{Value, json};

use super::two;
use crate::hyperkv::sync;
use crate::place::{Log, Place, json_lines};

/// A folder in which the recovery key of the log's channel writes.
fn root_of(log: &Log, place: &Place, key: &str) -> Log {
    let root = place.log("root");
    fs::create_dir(&root.0).unwrap();
    fs::copy(log.recovery(), root.path("identity")).unwrap();
    root.open(key);
    root
}

#[test]
fn a_key_that_can_still_write_is_told_of() {
    let place = Place::new();
    let (ana, ben, key) = two(&place);
    let root = root_of(&ana, &place, &key);
    let (_, said) = sync(&ana, &root);
    assert!(said.contains("this is the recovery key: it can authorize and revoke"), "{said}");
    let grant = root.authorize(&format!("{} --admin", ben.writer()));
    sync(&ana, &root);
    let told = ana.run(["revoke", &ben.writer()]);
    let wanted =
        format!("it can still write, by grant {grant} of {}: who made that, or is above", root.writer());
    assert!(told.stderr.contains(&wanted), "{}", told.stderr);
    assert!(told.stderr.starts_with("kept: all that it wrote and is here\n"), "{}", told.stderr);
    assert!(told.stderr.ends_with("\nothers know at their next sync\n"), "{}", told.stderr);
    let id = told.done();
    assert_eq!(id.lines().count(), 1);
    let more = ana.authorize(&ben.writer());
    let told = ana.run(["revoke", "--grant", &more, "--keep-none", "--json"]);
    assert!(
        told.stderr.contains("kept: nothing that it wrote\n0 nodes of those here do not count any more\n")
    );
    assert_eq!(json_lines(&told.done())[0]["still"], "admin");
    let told = ana.run(["revoke", "--grant", &more]);
    assert!(told.stderr.starts_with("it was ended already\n"), "{}", told.stderr);
    assert!(!told.stderr.contains("kept: "), "what was left out stays out: {}", told.stderr);
    told.done();
    // The root is above all.
    sync(&ana, &root);
    let third = ana.authorize(&ben.writer());
    sync(&ana, &root);
    let told = root.run(["revoke", "--grant", &grant, "--json"]);
    let wanted = format!("it can still write, by grant {third} of {}: `revoke` with its key", ana.writer());
    assert!(told.stderr.contains(&wanted), "{}", told.stderr);
    assert_eq!(json_lines(&told.done())[0]["still"], "writer");
    let told = root.run(["revoke", &ben.writer(), "--json"]);
    assert!(!told.stderr.contains("still"), "{}", told.stderr);
    assert_eq!(json_lines(&told.done())[0]["still"], Value::Null);
}

#[test]
fn the_recovery_key_needs_no_grant_and_gives_none_back() {
    let place = Place::new();
    let (ana, _, key) = two(&place);
    let root = root_of(&ana, &place, &key);
    sync(&ana, &root);
    let writer = root.writer();
    for log in [&ana, &root] {
        let before = log.nodes();
        assert!(
            log.fails(&format!("authorize {writer}"))
                .ends_with(": this is the recovery key: it needs no grant")
        );
        assert!(log.fails(&format!("revoke {writer}")).contains("this is the recovery key: it has no grant"));
        assert_eq!(log.nodes(), before);
    }
    assert!(root.fails("resign").ends_with(": this is the recovery key: it has nothing to give back"));
}

#[test]
fn who_resigns_hears_what_becomes_of_those_it_authorized() {
    let place = Place::new();
    let (ana, ben, key) = two(&place);
    let cyd = place.log("cyd");
    ana.authorize(&format!("{} --admin", ben.writer()));
    sync(&ana, &ben);
    ben.authorize(&cyd.open(&key));
    let told = ben.run(["resign"]);
    let wanted = format!(
        "whom it authorized stays authorized (1 here); who can end that is above it: {}, or who has the recovery key\n",
        ana.writer()
    );
    assert!(told.stderr.contains(&wanted), "{}", told.stderr);
    told.done();
    assert_eq!(ben.whoami()["role"], json!("ended"));
    // Nobody was authorized by this one.
    sync(&ben, &cyd);
    let told = cyd.run(["resign"]);
    assert!(!told.stderr.contains("stays authorized"), "{}", told.stderr);
    told.done();
}

#[test]
fn a_sync_says_whose_roles_changed() {
    let place = Place::new();
    let (ana, ben, key) = two(&place);
    let cyd = place.log("cyd");
    cyd.open(&key);
    sync(&ana, &cyd);
    ana.authorize(&format!("{} --admin", ben.writer()));
    ana.authorize(&cyd.writer());
    let both = crate::replicate::dupsh(
        &crate::replicate::line(&ana.call("sync --json")),
        &crate::replicate::line(&cyd.call("sync --json")),
    );
    let (_, of_cyd) = both.well();
    let standing = crate::replicate::report(&of_cyd)["standing"].clone();
    let mut more =
        [json!({ "key": ben.writer(), "role": "admin" }), json!({ "key": cyd.writer(), "role": "writer" })];
    more.sort_by_key(|member| member["key"].to_string());
    assert_eq!(standing["more"], json!(more));
    assert_eq!(standing["fewer"], json!([{ "key": ben.writer(), "role": "writer" }]));
    assert_eq!((&standing["role"], &standing["role_changed"]), (&json!("writer"), &json!(true)));
    let (_, said) = sync(&ana, &ben);
    assert!(said.contains("\n1 writer more, 1 admin more, 1 writer fewer: `members` lists them\n"), "{said}");
}
