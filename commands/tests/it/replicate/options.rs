//! What can be chosen, and what both sides learn of it.

use std::fs::File;

use serde_json::{Value, json};

use super::{Pair, are_equal, dupsh, line, report};
use crate::place::{Log, Place, run};
use crate::terminal::terminal;

/// Two logs with one node each, and how they end when they sync with these arguments.
fn sync(a_args: &str, b_args: &str) -> (Place, Pair) {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.append("of a");
    b.append("of b");
    let pair = Pair::start(&mut a.replicate(a_args), &mut b.replicate(b_args));
    (place, pair)
}

#[test]
fn two_that_only_send_and_two_that_only_receive_fail_and_say_why() {
    for (mode, why) in [
        ("--push", "both sides only push: nobody receives"),
        ("--pull", "both sides only pull: nobody sends"),
    ] {
        let (place, pair) = sync(mode, mode);
        let (a, b) = pair.end();
        for ended in [a, b] {
            let line = ended.failed();
            assert!(line.ends_with(why), "{line}");
        }
        assert_eq!((place.log("a").nodes().len(), place.log("b").nodes().len()), (1, 1));
    }
}

#[test]
fn one_way_is_one_way_and_both_say_so() {
    for (a_args, b_args) in [("--push", ""), ("--push", "--pull"), ("", "--pull")] {
        for turned in [false, true] {
            let (a_args, b_args) = if turned { (b_args, a_args) } else { (a_args, b_args) };
            let (place, pair) = sync(a_args, b_args);
            let (a_said, b_said) = pair.end_well();
            let (from, to) = if turned { ("b", "a") } else { ("a", "b") };
            assert_eq!((place.log(from).nodes().len(), place.log(to).nodes().len()), (1, 2));
            for said in [&a_said, &b_said] {
                assert!(said.contains("the logs differ: entries went one way only"), "{said}");
            }
            let (sender, receiver) = if turned { (b_said, a_said) } else { (a_said, b_said) };
            assert!(sender.contains("received 0 nodes, sent 1;"), "{sender}");
            assert!(receiver.contains("received 1 node, sent 0;"), "{receiver}");
        }
    }
}

#[test]
fn one_way_is_enough_where_the_other_way_has_nothing() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.append("of a");
    let pair = Pair::start(&mut a.replicate("--push"), &mut b.replicate("--pull"));
    let (a_said, b_said) = pair.end_well();
    assert!(
        a_said.contains("both logs are equal") && b_said.contains("both logs are equal"),
        "{a_said}{b_said}"
    );
    are_equal(&a, &b);
}

fn writer(log: &Log) -> String {
    log.info()["writer"].as_str().unwrap().to_owned()
}

/// A log with two nodes of its own and three of somebody else, and who that is.
fn two_writers(place: &Place) -> (Log, String) {
    let (a, other) = (place.log("a"), place.log("other"));
    for value in ["one", "two", "three"] {
        other.append(value);
    }
    a.add("alone");
    a.add("alone, too");
    a.import(other.export()).done();
    let other = writer(&other);
    (a, other)
}

#[test]
fn writers_that_are_left_out_are_counted_on_both_sides() {
    let place = Place::new();
    let (a, other) = two_writers(&place);
    let own = writer(&a);
    for (args, kept, left) in [
        (format!("--only {own}"), 2, 3),
        (format!("--only {other}"), 3, 2),
        (format!("--without {own}"), 3, 2),
        (format!("--without {other}"), 2, 3),
        (format!("--without {other} --without {own}"), 0, 5),
        (format!("--only {other} --only {own}"), 5, 0),
    ] {
        let b = place.log(&args);
        let pair = Pair::start(&mut a.replicate("--json"), &mut b.replicate(&format!("--json {args}")));
        let (a_said, b_said) = pair.end_well();
        assert_eq!(b.nodes().len(), kept, "{args}");
        let (a_report, b_report) = (report(&a_said), report(&b_said));
        assert_eq!((&a_report["sent"], &b_report["received"]), (&kept.into(), &kept.into()));
        assert_eq!((&a_report["equal"], &b_report["equal"]), (&(left == 0).into(), &(left == 0).into()));
        let (here, there) = match left {
            0 => (json!([]), json!([])),
            _ => (
                json!([format!("{left} entries were left out that the other side declines")]),
                json!([format!("the other side left out {left} entries that are declined here")]),
            ),
        };
        assert_eq!((&a_report["differences"], &b_report["differences"]), (&here, &there), "{args}");
        b.is_sound();
    }
}

#[test]
fn what_links_to_a_node_that_is_declined_is_left_out_with_it() {
    let place = Place::new();
    let (a, other) = two_writers(&place);
    a.append("over all");
    let b = place.log("b");
    let args = format!("--without {other}");
    let (a_said, b_said) = Pair::start(&mut a.replicate(""), &mut b.replicate(&args)).end_well();
    assert!(a_said.contains("4 entries were left out that the other side declines"), "{a_said}");
    assert!(b_said.contains("the other side left out 4 entries that are declined here"), "{b_said}");
    assert_eq!(b.nodes().len(), 2);
    b.is_sound();
    // Whoever changes their mind gets the rest.
    let (_, said) = dupsh(&a.syncing(), &b.syncing()).well();
    assert!(said.starts_with("received 4 nodes, sent 0; both logs are equal"), "{said}");
    are_equal(&a, &b);
}

#[test]
fn what_one_side_tells_of_itself_the_other_shows_tamely() {
    let hostile = "hi \u{1b}[2J\u{1b}]0;owned\u{7}\r\u{202e}gnp\nsecond line";
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    let mut telling = a.replicate("");
    telling.args(["--metadata", hostile]);
    for verbose in [false, true] {
        let mut told = b.replicate("");
        if verbose {
            told.arg("-vvv");
        }
        let (_, said) = dupsh(&line(&telling), &line(&told)).well();
        assert_eq!(said.matches("the other side says: hi ").count(), 1, "{said}");
        let wild = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!said.contains(wild), "{said:?}");
        assert!(!said.lines().any(|line| line.starts_with("second")), "{said}");
    }
    let (_, said) = dupsh(&line(&telling), &line(&b.replicate("--json"))).well();
    assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
    assert_eq!(report(&said)["peer"]["metadata"], hostile, "escaped, not lost");
}

#[test]
fn too_much_to_tell_is_refused_before_anything_is_said() {
    let place = Place::new();
    let a = place.log("a");
    a.append("one");
    for (bytes, fits) in [(4_096, true), (4_097, false)] {
        let mut command = a.replicate("");
        command.args(["--metadata", &"x".repeat(bytes)]);
        let ran = run(&mut command, b"");
        let line = ran.stderr.clone();
        assert_eq!(ran.status.code(), Some(1), "{line}");
        assert_eq!(line.contains("metadata of 4097 is above the 4096 that fit"), !fits, "{line}");
        assert!(fits || ran.stdout.is_empty());
    }
}

/// The numbers of a report are those of what went over the pipe.
#[test]
fn a_report_for_a_program_has_the_right_numbers() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    for value in ["one", "two", "three"] {
        a.append(value);
    }
    b.append("of b");
    let mut telling = a.replicate("--json");
    telling.args(["--metadata", "ana's laptop"]);
    let (a_said, b_said) = Pair::start(&mut telling, &mut b.replicate("--json")).end_well();
    let (a_report, b_report) = (report(&a_said), report(&b_said));
    let about = |mode: &str, entries: u64, metadata: &str| json!({ "mode": mode, "live": false, "entries": entries, "writers": 1, "metadata": metadata });
    for (report, received, sent, peer) in
        [(&a_report, 1, 3, about("sync", 1, "")), (&b_report, 3, 1, about("sync", 3, "ana's laptop"))]
    {
        let keys = ["complete", "equal", "received", "sent", "duplicates", "filled", "live"];
        let values: Vec<&Value> = keys.iter().map(|key| &report[*key]).collect();
        let expected: [Value; 7] =
            [true.into(), true.into(), received.into(), sent.into(), 0.into(), 0.into(), false.into()];
        assert_eq!(values, expected.iter().collect::<Vec<_>>(), "{report}");
        assert_eq!((&report["differences"], &report["forks"]), (&json!([]), &json!([])));
        assert_eq!((&report["peer"], &report["error"]), (&peer, &Value::Null));
        assert!(report["seconds"].as_f64().unwrap() < 60.0);
    }
    assert_eq!(a_report["bytes_sent"], b_report["bytes_received"]);
    assert_eq!(b_report["bytes_sent"], a_report["bytes_received"]);
}

#[test]
fn a_report_of_a_failure_says_what_failed() {
    let (_place, pair) = sync("--push --json", "--push --json");
    let (a, b) = pair.end();
    for ended in [a, b] {
        let report = report(&ended.said);
        assert_eq!((&report["complete"], &report["equal"]), (&false.into(), &false.into()));
        assert_eq!(report["error"], "both sides only push: nobody receives");
        ended.failed();
    }
}

/// The messages that went one way, in what a verbose program said.
fn messages<'a>(said: &'a str, way: &str) -> Vec<&'a str> {
    let way = format!(" {way} ");
    said.lines().filter_map(|line| line.split_once(&way)).map(|(_, message)| message).collect()
}

#[test]
fn verbose_prints_a_line_for_each_message_in_their_order() {
    for _ in 0..5 {
        let (_place, pair) = sync("-v", "-v");
        let (a, b) = pair.end_well();
        tells_each_message(&a, &b);
    }
}

#[track_caller]
fn tells_each_message(a: &str, b: &str) {
    for (sender, receiver) in [(a, b), (b, a)] {
        let said = messages(sender, "->");
        assert_eq!(said, messages(receiver, "<-"));
        // An acknowledgement comes when there is time for it.
        let names: Vec<&str> = said.iter().filter(|name| **name != "Stored: 1 entries").copied().collect();
        let names: Vec<&str> = names.iter().map(|line| line.split([':', ' ']).next().unwrap()).collect();
        assert_eq!(names, ["Hello", "Tips", "Locate", "Offer", "Group", "Sent", "Stored", "Bye"], "{sender}");
    }
}

#[test]
fn what_does_not_go_together_is_refused_as_usage() {
    let place = Place::new();
    let a = place.log("a");
    let some = "7".repeat(64);
    for (args, why) in [
        ("--push --pull".to_owned(), "--push' cannot be used with '--pull"),
        ("--print".to_owned(), "required arguments were not provided"),
        ("--only nobody".to_owned(), "\"nobody\" is not a writer"),
        (format!("--only {some}0"), "is not a writer"),
        ("--without 77".to_owned(), "is not a writer"),
        (format!("--only {some} --without {some}"), "cannot be used with"),
        ("sideways".to_owned(), "unexpected argument 'sideways'"),
    ] {
        for mut command in [a.replicate(&args), scuttling(&a, &args)] {
            let line = run(&mut command, b"").misused();
            assert!(line.contains(why), "{args}: {line}");
        }
    }
    assert!(!a.0.exists(), "a folder was made");
}

fn scuttling(log: &Log, args: &str) -> std::process::Command {
    let mut command = log.scuttleup();
    command.arg("replicate").args(args.split_whitespace());
    command
}

#[test]
fn at_a_terminal_it_says_how_it_is_meant() {
    let place = Place::new();
    let a = place.log("a");
    a.append("one");
    let (_person, terminal) = terminal();
    let other = || File::options().read(true).write(true).open("/dev/null").unwrap();
    let mine = || terminal.try_clone().unwrap();
    for (stdin, stdout) in [(mine(), mine()), (mine(), other()), (other(), mine())] {
        let mut maps = place.log("m").hyperkv();
        maps.arg("sync");
        for (mut command, how) in [
            (a.replicate(""), "dupsh 'hyperlog -d a replicate' 'hyperlog -d b replicate'"),
            (scuttling(&place.log("s"), ""), "dupsh 'scuttleup -d a replicate' 'scuttleup -d b replicate'"),
            (maps, "dupsh 'hyperkv -d a sync' 'hyperkv -d b sync'"),
        ] {
            let why =
                super::Running::start(&mut command, stdin.try_clone().unwrap(), stdout.try_clone().unwrap());
            let why = why.ends().failed();
            assert!(why.contains("a sync speaks to another program, not to a person"), "{why}");
            assert!(why.contains(how), "{why}");
        }
    }
}
