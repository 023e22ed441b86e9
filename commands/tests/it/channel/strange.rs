//! Names and words as nobody expects them.

use crate::hyperkv::sync;
use crate::place::Place;
use crate::talk::{HOSTILE, is_tame};

#[test]
fn a_name_that_a_terminal_obeys_is_shown_and_not_obeyed() {
    let place = Place::new();
    for (n, name) in HOSTILE.iter().enumerate() {
        let (ana, ben) = (place.log(&format!("a{n}")), place.log(&format!("b{n}")));
        let key = ana.found(name);
        ben.open(&key);
        sync(&ana, &ben);
        assert_eq!(ben.whoami()["name"], **name, "escaped, not lost");
        for command in [
            "whoami",
            "whoami --json",
            "info",
            "info --json",
            "list",
            "list --json",
            "members",
            "fsck",
            &format!("open {key}"),
        ] {
            let ran = ben.run(command.split(' '));
            assert!(is_tame(&ran.stderr), "{command}: {:?}", ran.stderr);
            assert!(is_tame(&ran.done()), "{command}");
        }
        assert!(is_tame(&ben.kv_fails("found x")));
    }
    let dir = place.log("\u{1b}[2J");
    for command in ["members", "resign"] {
        assert!(is_tame(&dir.run([command]).stderr));
    }
    let ran = dir.run(["found", "team"]);
    assert!(is_tame(&ran.stderr), "{:?}", ran.stderr);
}

#[test]
fn a_name_has_one_to_64_bytes() {
    let place = Place::new();
    let log = place.log("a");
    for name in ["", &"x".repeat(65), &"ü".repeat(33)] {
        let line = log.run(["found", "--", name]).failed();
        assert!(line.contains("the name of a channel takes 1 to 64 bytes"), "{line}");
        assert!(!log.recovery().exists());
    }
    log.found(&"ü".repeat(32));
    assert_eq!(log.whoami()["name"], "ü".repeat(32));
    place.log("b").found("--admin");
}

#[test]
fn keys_that_are_none_or_the_wrong_ones_are_told_apart() {
    let place = Place::new();
    let (ana, other) = (place.log("ana"), place.log("other"));
    let key = ana.found("team");
    let long = format!("{key}0");
    let zeros = "0".repeat(64);
    for text in ["", "x", &key[1..], &long, &zeros, "-1", "ü"] {
        let misused = other.run(["open", "--", text]).misused();
        assert!(misused.contains("the key of a channel takes 64 hexadecimal digits"), "{misused}");
    }
    for command in ["authorize", "revoke"] {
        for text in ["", "x", &long] {
            let misused = ana.run([command, "--", text]).misused();
            assert!(misused.contains("a key takes 64 hexadecimal digits"), "{misused}");
        }
        for text in [&zeros, &"f".repeat(64)] {
            let line = ana.fails(&format!("{command} {text}"));
            assert!(line.contains(&format!("this is no key of a writer: `{command}` takes what")), "{line}");
        }
    }
    assert!(!other.0.exists(), "a wrong word made a folder");
    let own = other.writer();
    assert!(other.fails(&format!("open {own}")).contains("this is the key of the writer here"));
    other.open(&key);
    assert_eq!(other.open(&key), own, "twice is once");
    // Nothing has come yet, so that a mistyped key is no harm.
    let elsewhere = place.log("elsewhere").found("team");
    other.open(&elsewhere);
    other.open(&key);
    sync(&ana, &other);
    let line = other.fails(&format!("open {elsewhere}"));
    assert!(line.contains(&format!("holds channel {key} already")), "{line}");
    // Some keys of channels are by chance keys of writers, too.
    for (n, made_up) in [place.log("writer").writer(), "f".repeat(64)].iter().enumerate() {
        let log = place.log(&format!("made up {n}"));
        log.open(made_up);
        for command in ["authorize", "revoke"] {
            let line = log.fails(&format!("{command} {made_up}"));
            assert!(
                line.contains(&format!("this is the channel's key: `{command}` takes a writer's")),
                "{line}"
            );
        }
    }
    assert!(ana.fails(&format!("authorize {key}")).contains("this is the channel's key"));
    assert_eq!(ana.members().len(), 1);
    assert!(ana.fails(&format!("revoke {own}")).contains("has no grant that stands"));
    for words in
        ["revoke", "revoke x --grant y", "found", "open", "authorize", "members x", "resign x", "whoami x"]
    {
        ana.run(words.split(' ')).misused();
    }
    let words = format!("revoke {own} --keep-none --keep {zeros}");
    ana.run(words.split(' ')).misused();
    let before = ana.nodes();
    assert!(ana.scuttles(["read"]).failed().contains("this is a channel of hyperlog"));
    assert_eq!(ana.nodes(), before);
}

#[test]
fn a_revocation_keeps_only_nodes_of_the_one_it_revokes() {
    let place = Place::new();
    let (ana, ben, _) = super::two(&place);
    let (of_ana, of_ben) = (ana.put("a", "1"), ben.put("b", "1"));
    let writer = ben.writer();
    let revoke = |keep: &str| format!("revoke {writer} --keep {keep}");
    assert!(ana.fails(&revoke(&of_ben)).contains("is not in this log"));
    sync(&ana, &ben);
    let before = ana.nodes();
    for keep in [of_ana.clone(), format!("{of_ben} --keep {of_ana}")] {
        let line = ana.fails(&revoke(&keep));
        assert!(line.contains(&format!("node {of_ana} does not act under grant")), "{line}");
    }
    assert_eq!(ana.nodes(), before);
    let told = ana.does(&format!("{} --json", revoke(&of_ben)));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["kept"], &told["still"]), (&serde_json::json!([of_ben]), &serde_json::json!(null)));
    assert_eq!(ana.held("b"), [serde_json::json!(1)]);
}

#[test]
fn one_grant_of_several_can_be_ended() {
    let place = Place::new();
    let (ana, ben, _) = super::two(&place);
    let ran = ana.run(["authorize", &ben.writer(), "--admin"]);
    assert!(
        ran.stderr.contains("it was authorized before, as writer: this is one more grant"),
        "{}",
        ran.stderr
    );
    let more = ran.done().trim_end().to_owned();
    assert_eq!(ana.members().len(), 2);
    let shown = ana.does("members");
    let line = shown.lines().find(|line| line.starts_with(&ben.writer())).unwrap();
    assert!(line.contains(&format!("  admin   by {}  {more}  (of 2 grants)", &ana.writer()[..8])), "{line}");
    ana.does(&format!("revoke --grant {more}"));
    sync(&ana, &ben);
    assert_eq!(ben.whoami()["role"], "writer");
    ben.put("a", "1");
    ana.authorize(&ben.writer());
    let revoked = ana.does(&format!("revoke {}", ben.writer()));
    assert_eq!(revoked.lines().count(), 2, "all that stand");
    let states = ana.does("members --all");
    assert_eq!(states.lines().filter(|line| line.ends_with("  revoked")).count(), 3, "{states}");
}
