//! What the programs print, to whom, and what happens when nobody listens.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::Stdio;

use crate::place::{Place, run, spawn};

pub(crate) const HOSTILE: [&str; 7] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "a\rb\u{8}c",
    "\u{9b}31m",
    "\u{202e}gnp.exe",
    "\u{2066}x\u{2069}",
    "\u{feff}\u{200b}",
    "\u{e0041}",
];

pub(crate) fn is_tame(text: &str) -> bool {
    let wild = |c: char| {
        (c.is_control() && c != '\n') || HOSTILE.iter().any(|hostile| !c.is_ascii() && hostile.contains(c))
    };
    !text.contains(wild)
}

#[test]
fn nothing_that_a_terminal_obeys_is_listed() {
    let place = Place::new();
    let log = place.log("a");
    for value in HOSTILE {
        assert!(!is_tame(value));
        log.run(["append", "--", value]).done();
        log.run(["append", "--", &format!("two{value}\nlines")]).done();
    }
    for command in ["list", "list --json", "heads --json", "-vvv list"] {
        let ran = log.run(command.split(' '));
        assert!(is_tame(&ran.stderr));
        let text = ran.done();
        assert!(is_tame(&text), "{command}: {text:?}");
        assert!(command.starts_with("heads") || text.lines().count() == 2 * HOSTILE.len(), "{text}");
    }
    let values: Vec<_> = log.nodes().iter().map(|node| node["value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(values[0], HOSTILE[0], "escaped, not lost");
    let other = place.log("b");
    for value in HOSTILE {
        other.scuttles(["append", "--", value]).done();
    }
    for args in [&["read"][..], &["read", "--json"]] {
        let text = other.scuttles(args).done();
        assert!(is_tame(&text) && text.lines().count() == HOSTILE.len(), "{text:?}");
    }
}

#[test]
fn a_folder_with_a_hostile_name_is_named_tamely() {
    let place = Place::new();
    let log = place.log("\u{1b}[2J\n\u{202e}");
    let ran = log.run(["info"]);
    assert!(is_tame(&ran.stderr), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1);
    assert!(is_tame(&ran.done()));
}

#[test]
fn verbose_talks_on_stderr_only() {
    let place = Place::new();
    let log = place.log("a");
    log.append("one");
    let plain = log.run(["list"]);
    let verbose = log.run(["-v", "list"]);
    assert_eq!(plain.stderr, "");
    assert!(verbose.stderr.contains("opened the log"), "{:?}", verbose.stderr);
    assert_eq!(verbose.stdout, plain.stdout);
    assert_eq!(log.run(["list", "-vvv"]).stdout, plain.stdout);
}

#[test]
fn a_new_writer_is_told_of_once() {
    let place = Place::new();
    let log = place.log("a");
    let ran = log.run(["append", "one"]);
    assert!(ran.stderr.starts_with("new writer ") && ran.stderr.lines().count() == 1, "{}", ran.stderr);
    assert_eq!(log.run(["append", "two"]).stderr, "");
}

#[test]
fn help_names_every_command_and_fits_a_terminal() {
    let place = Place::new();
    let log = place.log("a");
    let hyperlog = ["add", "append", "get", "list", "heads", "info", "fsck", "backup", "export", "import"];
    let scuttleup = ["append", "read", "entry", "del"];
    let hyperkv = [
        "put",
        "get",
        "del",
        "list",
        "history",
        "conflicts",
        "diff",
        "version",
        "batch",
        "import",
        "sync",
        "push",
        "pull",
        "reindex",
        "info",
        "backup",
    ];
    let channel = ["found", "open", "members", "authorize", "revoke", "resign", "whoami"];
    for (mut command, names) in
        [(log.hyperlog(), &hyperlog[..]), (log.scuttleup(), &scuttleup), (log.hyperkv(), &hyperkv)]
    {
        let help = run(command.arg("--help"), b"").done();
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        let channel = if names == scuttleup { &[][..] } else { &channel };
        for name in names.iter().chain(channel) {
            let line = help.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
            assert!(line.is_some_and(|line| line.trim().len() > name.len() + 10), "{name}: {help}");
        }
    }
    let of_hyperlog = hyperlog.map(|name| (log.hyperlog(), name));
    let of_hyperkv = hyperkv.iter().chain(&channel).map(|name| (log.hyperkv(), *name));
    for (mut command, name) in of_hyperlog.into_iter().chain(of_hyperkv) {
        let help = run(command.args([name, "--help"]), b"").done();
        assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
    }
    assert!(!log.0.exists(), "help made a folder");
}

#[test]
fn who_has_read_enough_may_go() {
    let place = Place::new();
    let log = place.log("a");
    // More than a pipe holds, in every form.
    let lines: String = (0..5_000).map(|n| format!("{n:100}\n")).collect();
    log.reads("add --lines", lines).done();
    for command in ["list", "list --json", "list --reverse", "export"] {
        let mut child = spawn(log.hyperlog().args(command.split(' ')));
        let mut start = [0; 10];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut start).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command}");
    }
}

#[test]
fn who_has_seen_enough_ids_still_has_all_lines_stored() {
    let place = Place::new();
    let log = place.log("a");
    let lines: String = (0..25_000).map(|n| format!("{n}\n")).collect();
    let mut child = spawn(log.hyperlog().args(["add", "--lines"]));
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(log.info()["nodes"], 25_000);
}

#[test]
fn nobody_need_listen_to_what_is_said() {
    let place = Place::new();
    for name in ["broken", "full"] {
        let log = place.log(name);
        let deaf = || -> Stdio {
            if name == "full" {
                return OpenOptions::new().write(true).open("/dev/full").unwrap().into();
            }
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            writer.into()
        };
        let status = |args: &[&str]| {
            let mut command = log.hyperlog();
            command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(deaf());
            command.status().unwrap().code()
        };
        assert_eq!(status(&["add", "one"]), Some(0), "the first word is of the new writer");
        assert_eq!(status(&["-vvv", "add", "two"]), Some(0));
        assert_eq!(status(&["export"]), Some(0));
        assert_eq!(status(&["import"]), Some(1));
        assert_eq!(status(&["get", &"7".repeat(64)]), Some(1));
        assert_eq!(log.nodes().len(), 2);
    }
}

#[test]
fn output_that_finds_no_room_is_a_failure() {
    let place = Place::new();
    let log = place.log("a");
    log.add("one");
    for command in ["list", "list --json", "heads", "info", "fsck", "export", "add two"] {
        let full: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut child = log.hyperlog();
        child.args(command.split(' ')).stdout(full);
        let output = child.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{command}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("No space left") && said.lines().count() == 1, "{command}: {said}");
    }
}
