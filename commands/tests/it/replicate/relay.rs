//! A line that the test holds: it can stop in the middle, and end in its own way.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::{Pair, Running, eventually};

/// How many bytes may go from `a` to `b`.
#[derive(Clone)]
pub(super) struct Gate(Arc<(Mutex<State>, Condvar)>);

struct State {
    may: u64,
    gone: u64,
}

impl Gate {
    /// Lets so many bytes through.
    pub(super) fn after(bytes: u64) -> Self {
        Self(Arc::new((Mutex::new(State { may: bytes, gone: 0 }), Condvar::new())))
    }

    pub(super) fn open(&self) {
        self.0.0.lock().unwrap().may = u64::MAX;
        self.0.1.notify_all();
    }

    /// Waits until no more may go.
    #[track_caller]
    pub(super) fn is_shut(&self) {
        eventually("the middle", || {
            let state = self.0.0.lock().unwrap();
            (state.gone >= state.may).then_some(())
        });
    }

    /// How many bytes may go now, at most so many.
    fn pass(&self, bytes: usize) -> usize {
        let state = self.0.0.lock().unwrap();
        let state = self.0.1.wait_while(state, |state| state.gone >= state.may).unwrap();
        usize::try_from(state.may - state.gone).unwrap_or(usize::MAX).min(bytes)
    }

    fn went(&self, bytes: usize) {
        self.0.0.lock().unwrap().gone += bytes as u64;
    }
}

/// What happens to the way back when one way ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AtEnd {
    /// It goes on.
    GoOn,
    /// It ends, too, as with `nc -l`.
    EndBoth,
}

/// Two programs with a line between them that the test holds.
pub(super) fn start(a: &mut Command, b: &mut Command, gate: Gate, at_end: AtEnd) -> Pair {
    let [(a_in, a_reads), (a_writes, a_out)] = [(); 2].map(|()| UnixStream::pair().unwrap());
    let [(b_in, b_reads), (b_writes, b_out)] = [(); 2].map(|()| UnixStream::pair().unwrap());
    let started = |command: &mut Command, reads: UnixStream, writes: UnixStream| {
        let running =
            Running::start(command, std::os::fd::OwnedFd::from(reads), std::os::fd::OwnedFd::from(writes));
        // What the command itself still held, no end would be seen through.
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        running
    };
    let pair = Pair { a: started(a, a_reads, a_writes), b: started(b, b_reads, b_writes) };
    let all = Arc::new([a_in, a_out, b_in, b_out]);
    pump(&all, (1, 2), gate, at_end);
    pump(&all, (3, 0), Gate::after(u64::MAX), at_end);
    pair
}

fn pump(all: &Arc<[UnixStream; 4]>, (from, to): (usize, usize), gate: Gate, at_end: AtEnd) {
    let all = Arc::clone(all);
    thread::spawn(move || {
        carry(&all[from], &all[to], &gate);
        let _ = (all[to].shutdown(Shutdown::Write), all[from].shutdown(Shutdown::Read));
        if at_end == AtEnd::EndBoth {
            all.iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        }
    });
}

/// Until there is no more, or nobody takes it.
fn carry(mut from: &UnixStream, mut to: &UnixStream, gate: &Gate) {
    let mut bytes = vec![0; 16 << 10];
    loop {
        let room = gate.pass(bytes.len());
        match from.read(&mut bytes[..room]) {
            Ok(n @ 1..) if to.write_all(&bytes[..n]).is_ok() => gate.went(n),
            _ => return,
        }
    }
}
