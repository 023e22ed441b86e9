//! Two programs that sync: between the pipes of `dupsh`, over a network, and over pipes that the test holds. Whatever
//! hangs is a failed test: see [`eventually`].

mod apart;
mod bytes;
mod copied;
mod full;
mod hangups;
mod killed;
mod live;
mod many;
mod networks;
mod options;
mod relay;
mod scuttleup;
mod strangers;

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::dice::Dice;
use crate::place::{Log, is_of_program};

/// For what should take a moment, on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(90);

/// Waits for something.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "in vain: {what}");
        thread::sleep(Duration::from_millis(3));
    }
}

fn quote(word: &str) -> String {
    shlex::try_quote(word).unwrap().into_owned()
}

/// A command that is a script.
fn sh(script: &str) -> String {
    format!("sh -c {}", quote(script))
}

/// A command as a line for `dupsh`.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quote(word.to_str().unwrap())).collect::<Vec<_>>().join(" ")
}

/// The line that comes to it a little late.
fn late(wait: Duration, line: &str) -> String {
    sh(&format!("sleep {}; exec {line}", wait.as_secs_f64()))
}

impl Log {
    /// `hyperlog replicate`, with what follows.
    fn replicate(&self, args: &str) -> Command {
        let mut command = self.hyperlog();
        command.arg("replicate").args(args.split_whitespace());
        command
    }

    /// That as a line for `dupsh`.
    pub(crate) fn syncing(&self) -> String {
        line(&self.replicate(""))
    }

    /// Adds a chain of so many nodes with values that nobody else has.
    fn grow(&self, nodes: u64, dice: &mut Dice) {
        let lines: String = (0..nodes).map(|n| format!("{n} {:016x}\n", dice.below(u64::MAX))).collect();
        self.reads("add --lines", lines).done();
    }
}

/// Both logs have the same nodes and heads, and nothing is wrong in them. Returns the ids.
#[track_caller]
fn are_equal(a: &Log, b: &Log) -> Vec<String> {
    let (ids, others) = (a.ids(), b.ids());
    assert!(ids == others, "{} nodes here, {} there", ids.len(), others.len());
    assert_eq!(a.heads(), b.heads());
    a.is_sound();
    b.is_sound();
    ids
}

/// A program while it runs; it and all that it started go with it.
pub(crate) struct Running {
    child: Child,
    /// What it says on standard error.
    said: NamedTempFile,
}

impl Running {
    pub(crate) fn start(command: &mut Command, stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> Self {
        let said = NamedTempFile::new().unwrap();
        command.stdin(stdin).stdout(stdout).stderr(said.reopen().unwrap());
        Self { child: command.process_group(0).spawn().unwrap(), said }
    }

    pub(crate) fn tell(&self, signal: Signal) {
        // One that has ended is still to be reaped, so nobody else has its id.
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.said.path()).unwrap()).into_owned()
    }

    /// Waits until it says something.
    #[track_caller]
    pub(crate) fn says(&mut self, text: &str) {
        eventually(text, || {
            let (ended, said) = (self.child.try_wait().unwrap(), self.said());
            assert!(ended.is_none() || said.contains(text), "ended without {text:?}: {said}");
            said.contains(text).then_some(())
        });
    }

    #[track_caller]
    pub(crate) fn still_runs(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it ended: {}", self.said());
    }

    #[track_caller]
    pub(crate) fn ends(mut self) -> Ended {
        let status = eventually("the end", || self.child.try_wait().unwrap());
        Ended { code: status.code(), said: self.said() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None after a signal.
    code: Option<i32>,
    said: String,
}

impl Ended {
    /// It went well: what it said.
    #[track_caller]
    pub(crate) fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.said);
        self.said
    }

    /// It failed, and said why in one line, which is returned.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{}", self.said);
        let mut why = self.said.lines().filter(|line| is_of_program(line));
        let line = why.next().unwrap_or_else(|| panic!("no word of why: {}", self.said));
        assert_eq!(why.next(), None, "{}", self.said);
        line.to_owned()
    }
}

/// The report of a session in what a program said with `--json`.
#[track_caller]
pub(crate) fn report(said: &str) -> Value {
    let mut lines = said.lines().filter(|line| line.starts_with('{'));
    let line = lines.next().unwrap_or_else(|| panic!("no report: {said}"));
    assert_eq!(lines.next(), None, "more than one report: {said}");
    serde_json::from_str(line).unwrap()
}

/// Two programs, each reading what the other prints, over pipes and without `dupsh`: so the test can tell one of
/// them something, and sees the code of each.
pub(crate) struct Pair {
    pub(crate) a: Running,
    pub(crate) b: Running,
}

impl Pair {
    pub(crate) fn start(a: &mut Command, b: &mut Command) -> Self {
        let (a_reads, b_writes) = std::io::pipe().unwrap();
        let (b_reads, a_writes) = std::io::pipe().unwrap();
        let pair = Self { a: Running::start(a, a_reads, a_writes), b: Running::start(b, b_reads, b_writes) };
        // What the test itself held of the pipes, no end would be seen through.
        for command in [a, b] {
            command.stdin(Stdio::null()).stdout(Stdio::null());
        }
        pair
    }

    #[track_caller]
    pub(crate) fn end(self) -> (Ended, Ended) {
        (self.a.ends(), self.b.ends())
    }

    /// Both end well: what they said.
    #[track_caller]
    pub(crate) fn end_well(self) -> (String, String) {
        let (a, b) = self.end();
        assert_eq!((a.code, b.code), (Some(0), Some(0)), "{}{}", a.said, b.said);
        (a.said, b.said)
    }
}

/// Two programs between the pipes of `dupsh`, until both have ended.
#[track_caller]
pub(crate) fn dupsh(a: &str, b: &str) -> Both {
    Dupsh::start(a, b).ends()
}

/// `dupsh` while it runs.
struct Dupsh {
    dupsh: Running,
    said: [NamedTempFile; 2],
}

/// How `dupsh` and the two ended.
#[derive(Debug)]
pub(crate) struct Both {
    code: Option<i32>,
    pub(crate) a: String,
    pub(crate) b: String,
    /// What `dupsh` itself printed, which is nothing if all is well.
    dupsh: String,
}

impl Dupsh {
    fn start(a: &str, b: &str) -> Self {
        let said = [NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap()];
        let of = |line: &str, said: &NamedTempFile| {
            sh(&format!("exec {line} 2> {}", quote(said.path().to_str().unwrap())))
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_dupsh"));
        command.args([of(a, &said[0]), of(b, &said[1])]).env_remove("RUST_LOG");
        Self { dupsh: Running::start(&mut command, Stdio::null(), Stdio::null()), said }
    }

    #[track_caller]
    fn ends(self) -> Both {
        let ended = self.dupsh.ends();
        let [a, b] = self.said.map(|said| fs::read_to_string(said.path()).unwrap());
        Both { code: ended.code, a, b, dupsh: ended.said }
    }
}

impl Both {
    /// All went well: what both said.
    #[track_caller]
    pub(crate) fn well(self) -> (String, String) {
        assert_eq!((self.code, &*self.dupsh), (Some(0), ""), "{}{}", self.a, self.b);
        (self.a, self.b)
    }
}

/// The controls: what is looked at shows what it is there for.
mod the_look {
    use super::*;
    use crate::place::Place;

    #[test]
    #[should_panic = "1 nodes here, 0 there"]
    fn sees_a_node_that_one_lacks() {
        let place = Place::new();
        let (a, b) = (place.log("a"), place.log("b"));
        a.add("one");
        are_equal(&a, &b);
    }

    #[test]
    fn sees_the_code_of_each() {
        let mut fails = Command::new("sh");
        fails.args(["-c", "echo why >&2; exit 7"]);
        let (a, b) = Pair::start(&mut fails, &mut Command::new("true")).end();
        assert_eq!((a.code, &*a.said, b.code), (Some(7), "why\n", Some(0)));
    }
}
