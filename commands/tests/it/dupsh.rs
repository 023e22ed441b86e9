//! Two commands that `dupsh` runs. Whatever hangs is a failed test: see [`eventually`].

mod codes;
mod pipes;
mod signals;
mod starting;
mod words;

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use crate::place::Place;

/// For what should take a moment, on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for something.
#[track_caller]
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Long enough to see that something does not happen, where a control sees that it would.
fn a_while() {
    thread::sleep(Duration::from_millis(700));
}

fn quote(word: &str) -> String {
    shlex::try_quote(word).unwrap().into_owned()
}

/// A command that is a script.
fn sh(script: &str) -> String {
    format!("sh -c {}", quote(script))
}

/// `dupsh` while it runs. Files of the commands are in the place.
struct Dupsh {
    leader: Leader,
    place: Place,
}

/// A process with a group of its own, which goes with it. It is reaped last of all: until then nobody else
/// gets its id, and with it a signal that was meant for the group.
struct Leader(Child);

impl Leader {
    /// Its code once it has ended, and nothing where a signal ended it.
    fn ended(&self) -> Option<Option<i32>> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let status = waitid(WaitId::Pid(Pid::from_child(&self.0)), look).unwrap();
        status.map(|status| status.exit_status())
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// How it ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    place: Place,
}

impl Dupsh {
    fn start(a: &str, b: &str) -> Self {
        Self::start_in(Place::new(), a, b)
    }

    fn start_in(place: Place, a: &str, b: &str) -> Self {
        Self::of(place, Command::new(env!("CARGO_BIN_EXE_dupsh")).args([a, b]))
    }

    /// Runs what execs `dupsh`.
    fn of(place: Place, command: &mut Command) -> Self {
        Self::spawn(place, command.process_group(0))
    }

    fn spawn(place: Place, command: &mut Command) -> Self {
        let file = |name| File::create(place.path().join(name)).unwrap();
        command.current_dir(place.path()).stdin(Stdio::null());
        let child = command.stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap();
        Self { leader: Leader(child), place }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.leader.0)
    }

    /// To it alone, not to the commands.
    fn tell(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until it waits for ends: a command may do all it has to while it is still being started.
    #[track_caller]
    fn waits(&self) {
        eventually("its sleep", || (state(self.pid()) == Some('S')).then_some(()));
    }

    #[track_caller]
    fn still_runs(&self) {
        assert_eq!(self.leader.ended(), None, "it ended");
    }

    /// Waits for a line in a file.
    #[track_caller]
    fn told(&self, name: &str) -> String {
        eventually(name, || line_in(self.place.path(), name))
    }

    /// Waits for the id of a process in a file.
    #[track_caller]
    fn pid_in(&self, name: &str) -> Pid {
        Pid::from_raw(self.told(name).parse().unwrap()).unwrap()
    }

    /// Waits for its end, after which nothing that it started may be left.
    #[track_caller]
    fn ends(self) -> Ended {
        let code = eventually("the end", || self.leader.ended());
        // What the commands started may take a moment more.
        eventually("the end of all", || alive(self.pid()).is_empty().then_some(()));
        let said = |name| fs::read_to_string(self.place.path().join(name)).unwrap();
        Ended { code, stdout: said("stdout"), stderr: said("stderr"), place: self.place }
    }
}

impl Ended {
    /// It exited so, and nobody had anything to say.
    #[track_caller]
    fn quietly(self, code: i32) -> Self {
        assert_eq!((self.code, &*self.stdout, &*self.stderr), (Some(code), "", ""));
        self
    }

    /// What is in a file.
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.place.path().join(name)).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.place.path().join(name).exists()
    }
}

/// The first line of a file, when it is whole.
fn line_in(dir: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(dir.join(name)).ok()?;
    text.split_once('\n').map(|(line, _)| line.to_owned())
}

/// What the system calls the state of a process, as long as it has one.
fn state(pid: Pid) -> Option<char> {
    stat(&pid.as_raw_nonzero().to_string())?.chars().next()
}

/// What the system tells of a process behind its name: state, parent, group and so on.
fn stat(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.to_owned())
}

/// The processes of a group that have not ended.
fn alive(group: Pid) -> Vec<String> {
    let pids = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    let pids = pids.map(|name| name.to_string_lossy().into_owned());
    let group = group.as_raw_nonzero().to_string();
    let is_alive = |stat: &str| !stat.starts_with('Z') && stat.split(' ').nth(2) == Some(&group);
    pids.filter(|pid| stat(pid).is_some_and(|stat| is_alive(&stat))).collect()
}

/// The controls: what is looked at shows what it is there for.
mod the_look {
    use super::*;

    #[test]
    fn sees_who_is_left_behind() {
        let left = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let (pid, _left) = (Pid::from_child(&left), Leader(left));
        assert_eq!(alive(pid), [pid.as_raw_nonzero().to_string()]);
        assert!(matches!(state(pid), Some('S' | 'R' | 'D')));
    }

    #[test]
    fn sees_a_zombie() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = Pid::from_child(&child);
        eventually("a zombie", || state(pid).filter(|state| *state == 'Z'));
        child.wait().unwrap();
        assert_eq!(state(pid), None);
    }

    #[test]
    #[should_panic = "it ended"]
    fn sees_an_end() {
        let dupsh = Dupsh::start("true", "true");
        a_while();
        dupsh.still_runs();
    }
}
