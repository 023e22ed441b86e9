//! Two commands, from their start to their end.

use std::io::{self, PipeReader, PipeWriter};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::ends::Ends;
use super::signals;
use super::words::Words;
use crate::cli::say;
use crate::error::Failure;
use crate::show;

/// How long a command that was asked to end may take.
const GRACE: Duration = Duration::from_secs(5);
/// How long a command may take that has probably heard ctrl-C itself. Who hears it twice may take it for
/// impatience, and drop what it was cleaning up.
const CTRL_C: Duration = Duration::from_secs(2);
/// More than two ends and the signals of one moment: who sends more waits.
const EVENTS: usize = 8;

/// What there is to wait for.
#[derive(Debug)]
pub(super) enum Event {
    /// A command ended. It is still to be reaped.
    Ended(Pid),
    /// A signal asked for the end of both.
    Asked(Signal),
}

/// The commands that run.
#[derive(Debug)]
pub(super) struct Pair {
    running: Vec<Running>,
    ends: Ends,
    events: Receiver<Event>,
    /// What they are going to be told, and when.
    orders: Vec<(Instant, Signal)>,
    /// The code of the first failure.
    failed: Option<u8>,
    /// The signal that asked for the end.
    asked: Option<Signal>,
}

#[derive(Debug)]
struct Running {
    words: Words,
    pid: Pid,
    child: Child,
}

impl Pair {
    /// Nothing runs yet. Signals are heard from here on, so that none falls between the two starts.
    pub(super) fn new() -> Result<Self, Failure> {
        let (tell, events) = sync_channel(EVENTS);
        signals::listen(tell.clone()).map_err(Failure::Signals)?;
        let ends = Ends::new(tell);
        Ok(Self { running: Vec::new(), ends, events, orders: Vec::new(), failed: None, asked: None })
    }

    /// Starts both. After a failure the first may run: see [`end`](Self::end).
    pub(super) fn start(&mut self, a: Words, b: Words) -> Result<(), Failure> {
        let (a_reads, b_writes) = io::pipe().map_err(Failure::Pipe)?;
        let (b_reads, a_writes) = io::pipe().map_err(Failure::Pipe)?;
        self.spawn(a, a_reads, a_writes)?;
        self.spawn(b, b_reads, b_writes)
    }

    /// Starts one. Our copies of its ends close with `command`, when it is watched: as long as we held one that
    /// is written to, nobody would read an end of input, and so nobody ends of this end before it is seen.
    fn spawn(&mut self, words: Words, reads: PipeReader, writes: PipeWriter) -> Result<(), Failure> {
        let mut command = words.command();
        let mut child =
            command.stdin(reads).stdout(writes).spawn().map_err(|error| not_started(&words, error))?;
        let pid = Pid::from_child(&child);
        if let Err(error) = self.ends.watch(pid) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Failure::Watch(error));
        }
        self.running.push(Running { words, pid, child });
        Ok(())
    }

    /// Waits until none runs. Returns what to exit with.
    pub(super) fn wait(&mut self) -> u8 {
        while !self.running.is_empty() {
            match self.next() {
                Some(Event::Ended(pid)) => self.reap(pid),
                Some(Event::Asked(signal)) => self.ask(signal),
                None => self.give_orders(),
            }
        }
        let asked = self.asked.map(|signal| code_of_signal(signal.as_raw()));
        asked.or(self.failed).unwrap_or(0)
    }

    /// Ends what runs.
    pub(super) fn end(&mut self) {
        self.ask(Signal::TERM);
        self.wait();
    }

    /// The next event, or `None` when an order is due before it.
    fn next(&self) -> Option<Event> {
        let Some((due, _)) = self.orders.iter().min_by_key(|(due, _)| due) else {
            return self.events.recv().ok();
        };
        self.events.recv_timeout(due.saturating_duration_since(now())).ok()
    }

    fn reap(&mut self, pid: Pid) {
        let Some(at) = self.running.iter().position(|running| running.pid == pid) else { return };
        let mut ended = self.running.swap_remove(at);
        // Of a child that cannot be waited for nothing is known, and that is no success.
        let code = ended.child.wait().map_or(1, code_of);
        if code != 0 {
            self.failed.get_or_insert(code);
        }
    }

    /// Somebody asked for the end: passes it on, the first time with a term.
    fn ask(&mut self, signal: Signal) {
        let now = now();
        let told = signal == Signal::INT && signals::at_a_terminal();
        if self.asked.is_none() {
            self.asked = Some(signal);
            self.orders.push((now + GRACE, Signal::KILL));
            self.orders.push((if told { now + CTRL_C } else { now }, signal));
        } else if !told {
            self.tell(signal);
        }
    }

    fn give_orders(&mut self) {
        let now = now();
        let due: Vec<_> = self.orders.extract_if(.., |(due, _)| *due <= now).collect();
        for (_, signal) in due {
            self.tell(signal);
        }
    }

    /// Sends a signal to all that run. They were not reaped, so nobody else has got their ids.
    fn tell(&self, signal: Signal) {
        for running in &self.running {
            if signal == Signal::KILL {
                let program = show::one_line(&running.words.program());
                say(&format!("dupsh: killed `{program}`, which did not end when it was asked to"));
            }
            // To one that has just ended this says nothing, and one that may not be told is waited for.
            let _ = kill_process(running.pid, signal);
        }
    }
}

/// Why a command was not started.
fn not_started(words: &Words, source: io::Error) -> Failure {
    let program = words.program();
    match source.kind() {
        io::ErrorKind::NotFound => Failure::NoProgram { program },
        _ => Failure::Start { program, source },
    }
}

/// The exit code of a command as a shell counts.
fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.unwrap_or_else(|| code_of_signal(status.signal().unwrap_or(0)))
}

fn code_of_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the patience with another process is counted in real time")]
fn now() -> Instant {
    Instant::now()
}
