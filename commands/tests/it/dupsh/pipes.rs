//! What goes through the pipes, and how its end is seen.

use std::fs;
use std::process::Command;

use rustix::process::Pid;

use super::{Dupsh, Place, a_while, eventually, quote, sh};

/// Much more than the pipes hold.
const MUCH: usize = 64 << 20;

#[test]
fn each_reads_what_the_other_prints() {
    let asks = sh("echo ping; read answer; echo \"$answer\" > got");
    let answers = sh("read question; echo \"$question pong\"");
    for (a, b) in [(&asks, &answers), (&answers, &asks)] {
        assert_eq!(Dupsh::start(a, b).ends().quietly(0).read("got"), "ping pong\n");
    }
}

#[test]
fn what_both_say_on_stderr_is_said() {
    let said = Dupsh::start(&sh("echo from a >&2"), &sh("cat; echo from b >&2")).ends();
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""));
    let mut lines: Vec<_> = said.stderr.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["from a", "from b"]);
}

/// Prints so many bytes that tell where they come from.
fn printing(word: &str, bytes: usize) -> String {
    format!("(yes 'bytes of {word}' | head -c {bytes})")
}

/// What `cksum` says of that: a checksum and the count.
fn sum(word: &str, bytes: usize) -> String {
    let sum = Command::new("sh").arg("-c").arg(printing(word, bytes) + " | cksum").output().unwrap();
    String::from_utf8(sum.stdout).unwrap()
}

#[test]
fn much_goes_both_ways_at_once_and_arrives_whole() {
    // The script becomes its reader, so that nobody but the writer holds the pipe that is written to.
    let both = |word| sh(&format!("{} & exec cksum > got-by-{word}", printing(word, MUCH)));
    let ended = Dupsh::start(&both("a"), &both("b")).ends().quietly(0);
    let (a, b) = (ended.read("got-by-a"), ended.read("got-by-b"));
    assert_eq!((a, b), (sum("b", MUCH), sum("a", MUCH)));
    // The control: a byte more or less, or those of the other, would be seen.
    let sums = [sum("a", MUCH), sum("b", MUCH), sum("a", MUCH - 1), sum("a", MUCH + 1)];
    assert!((1..sums.len()).all(|n| !sums[..n].contains(&sums[n])), "{sums:?}");
}

#[test]
fn who_writes_and_exits_at_once_is_read_to_the_last_byte() {
    let ended = Dupsh::start(&sh(&printing("a", 1 << 20)), &sh("sleep 0.5; cksum > got")).ends();
    assert_eq!(ended.quietly(0).read("got"), sum("a", 1 << 20));
    for n in 0..50 {
        let bytes = 1 + n * 1_301;
        let (writer, reader) = (sh(&printing("a", bytes)), sh("cksum > got"));
        let (a, b) = if n % 2 == 0 { (writer, reader) } else { (reader, writer) };
        assert_eq!(Dupsh::start(&a, &b).ends().quietly(0).read("got"), sum("a", bytes));
    }
}

/// Reads to the end of its input, and says so.
const READER: &str = "cat > /dev/null; echo end > seen";

#[test]
fn the_end_of_one_is_the_end_of_the_others_input() {
    let ends = [("exit 0", 0), ("exit 9", 9), ("kill -9 $$", 137), ("exec >&-; cat > /dev/null", 0)];
    for (end, code) in ends {
        for (a, b) in [(end, READER), (READER, end)] {
            let ended = Dupsh::start(&sh(a), &sh(b)).ends().quietly(code);
            assert_eq!(ended.read("seen"), "end\n", "{end}");
        }
    }
}

#[test]
fn who_closes_its_output_and_goes_on_has_ended_the_others_input() {
    let goes_on = "exec >&-; while [ ! -e seen ]; do sleep 0.05; done";
    for (a, b) in [(goes_on, READER), (READER, goes_on)] {
        assert!(Dupsh::start(&sh(a), &sh(b)).ends().quietly(0).has("seen"));
    }
}

/// The control to the two above.
#[test]
fn as_long_as_one_may_write_the_other_sees_no_end() {
    for (a, b) in [("exec sleep 600", READER), (READER, "exec sleep 600")] {
        let dupsh = Dupsh::start(&sh(a), &sh(b));
        a_while();
        dupsh.still_runs();
        assert!(!dupsh.place.path().join("seen").exists());
    }
}

#[test]
fn who_writes_to_nobody_ends_as_in_any_pipe() {
    const SIGPIPE: i32 = 13;
    for (a, b) in [("true", "yes"), ("yes", "true")] {
        Dupsh::start(a, b).ends().quietly(128 + SIGPIPE);
    }
    // The control: who had inherited a deaf ear for the signal would end otherwise.
    let deaf = Dupsh::start("true", &sh("trap '' PIPE; exec yes")).ends();
    assert!(deaf.code == Some(1) && deaf.stderr.contains("Broken pipe"), "{deaf:?}");
}

/// The pipes that a process holds, each with the number under which it does.
fn pipes(pid: Pid) -> Vec<(String, String)> {
    let dir = format!("/proc/{}/fd", pid.as_raw_nonzero());
    let pipe = |file: fs::DirEntry| {
        let target = fs::read_link(file.path()).ok()?.to_string_lossy().into_owned();
        target.starts_with("pipe:").then(|| (target, file.file_name().to_string_lossy().into_owned()))
    };
    fs::read_dir(dir).unwrap().filter_map(|entry| pipe(entry.unwrap())).collect()
}

/// The numbers under which a process holds a pipe.
fn held(pid: Pid, pipe: &str) -> Vec<String> {
    pipes(pid).into_iter().filter(|(name, _)| name == pipe).map(|(_, number)| number).collect()
}

#[test]
fn nobody_but_the_two_holds_the_pipes() {
    let dupsh = Dupsh::start(&sh("echo $$ > a; exec cat"), &sh("echo $$ > b; exec cat"));
    let (a, b) = (dupsh.pid_in("a"), dupsh.pid_in("b"));
    eventually("both to be cats", || [a, b].into_iter().all(|pid| name(pid) == "cat").then_some(()));
    dupsh.waits();
    let input = |pid| pipes(pid).into_iter().find(|(_, number)| number == "0").unwrap().0;
    for (reader, writer) in [(a, b), (b, a)] {
        let pipe = input(reader);
        assert_eq!((held(reader, &pipe), held(writer, &pipe)), (vec!["0".into()], vec!["1".into()]));
        assert!(held(dupsh.pid(), &pipe).is_empty());
    }
    assert_ne!(input(a), input(b));
}

fn name(pid: Pid) -> String {
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero())).unwrap();
    name.trim_end().to_owned()
}

#[test]
fn two_logs_are_synced_by_their_exports() {
    let logs = Place::new();
    let (a, b) = (logs.log("a's log"), logs.log("b"));
    a.reads("add --lines", (0..20_000).map(|n| format!("{n}\n")).collect::<String>()).done();
    b.append("of b");
    let hyperlog = |dir: &std::path::Path, command| {
        format!("{} -d {} {command}", quote(env!("CARGO_BIN_EXE_hyperlog")), quote(dir.to_str().unwrap()))
    };
    for (from, to) in [(&a, &b), (&b, &a)] {
        let (export, import) = (hyperlog(&from.0, "export"), hyperlog(&to.0, "import"));
        let ended = Dupsh::start(&export, &import).ends();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{ended:?}");
        assert!(ended.stderr.contains("exported 2000"), "{ended:?}");
    }
    assert_eq!((a.ids().len(), a.ids()), (20_001, b.ids()));
    // What one says on standard output comes in nobody's way.
    let ended = Dupsh::start(&hyperlog(&a.0, "export"), &hyperlog(&b.0, "import --json")).ends();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
