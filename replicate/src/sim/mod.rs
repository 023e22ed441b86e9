//! A wire that fails, in virtual time: two real sessions over real frames, without threads and without a clock.
//!
//! What a [`Wire`] carries arrives in pieces of any size, late, behind bounds that make its ends wait; it stalls, and
//! it breaks at any byte. All of that falls from [`Dice`], so a seed replays exactly.
//!
//! Time is handed in. [`Wire::next_at`] says when something happens next and [`Wire::step`] lets it happen, so a
//! simulator with many wires steps the earliest each time:
//!
//! ```
//! # use replicate::{Replica, Session, Options, sim::{Wire, Faults, Dice}};
//! # use std::time::Duration;
//! fn sync<R: Replica>(a: &R, b: &R, seed: u64) -> Result<(), replicate::Cause> {
//!     let now = Duration::ZERO;
//!     let session = |log| Session::new(log, Options::default(), now);
//!     let faults = Faults { piece_max: 100, latency_max: Duration::from_millis(50), ..Faults::default() };
//!     let mut wire = Wire::new([session(a)?, session(b)?], &faults, Dice::new(seed), now);
//!     while let Some(now) = wire.next_at() {
//!         wire.step(now);
//!     }
//!     assert!(wire.is_over());
//!     Ok(())
//! }
//! ```

mod dice;
mod end;
mod faults;
mod pipe;

use std::time::Duration;

pub use dice::Dice;
pub use faults::{At, Cut, Faults, Side, Suffered};

use crate::error::SyncError;
use crate::replica::Exchange;
use crate::report::Report;
use crate::session::Session;
use end::End;
use pipe::{Arrived, Pipe};

/// How long a side that failed listens on for nobody, before the other finds out that it is gone.
const LINGER: Duration = Duration::from_secs(2);

/// Two sessions and what lies between them.
#[derive(Debug)]
pub struct Wire<X: Exchange> {
    ends: [End<X>; 2],
    /// By who speaks.
    pipes: [Pipe; 2],
    closes_early: bool,
    now: Duration,
    suffered: Suffered,
    trace: u64,
}

impl<X: Exchange> Wire<X> {
    /// A wire between two sessions that have just begun.
    #[must_use]
    pub fn new(sessions: [Session<X>; 2], faults: &Faults, mut dice: Dice, now: Duration) -> Self {
        let mut pipe = || Pipe::new(faults.clone(), dice.split(), now);
        let pipes = [pipe(), pipe()];
        let mut wire = Self {
            ends: sessions.map(End::new),
            pipes,
            closes_early: faults.closes_early,
            now,
            suffered: Suffered::default(),
            trace: FNV,
        };
        if let Some(Cut { speaker, at }) = faults.cut {
            match at {
                At::Byte(byte) => wire.pipe(speaker).cut_at_byte(byte),
                At::Group(group) => wire.pipe(speaker).cut_in_group(group),
            }
        }
        wire
    }

    fn pipe(&mut self, speaker: Side) -> &mut Pipe {
        let [a, b] = &mut self.pipes;
        match speaker {
            Side::A => a,
            Side::B => b,
        }
    }

    fn end(&mut self, side: Side) -> &mut End<X> {
        let [a, b] = &mut self.ends;
        match side {
            Side::A => a,
            Side::B => b,
        }
    }

    /// An end, the pipe that it speaks into, and the one it listens to.
    fn at(&mut self, side: Side) -> (&mut End<X>, &mut Pipe, &mut Pipe) {
        let ([a, b], [from_a, from_b]) = (&mut self.ends, &mut self.pipes);
        match side {
            Side::A => (a, from_a, from_b),
            Side::B => (b, from_b, from_a),
        }
    }

    // ---- time ----

    /// When something happens next, which may be at once; none when nothing ever will by itself. A log that is
    /// written to can change that.
    pub fn next_at(&mut self) -> Option<Duration> {
        let now = self.now;
        let next = Side::BOTH.into_iter().filter_map(|side| {
            let (end, out, inward) = self.at(side);
            let speaks = (out.has_room() && end.may_speak()).then_some(now);
            let lingers = end.gone_at().filter(|_| !inward.is_broken());
            [speaks, inward.next_at(), end.deadline(), lingers].into_iter().flatten().min()
        });
        next.min().map(|at| at.max(now))
    }

    /// Lets everything happen that is due: on each side something arrives, if anything, and then as much is said as the
    /// wire takes.
    pub fn step(&mut self, now: Duration) {
        self.now = self.now.max(now);
        let now = self.now;
        for side in Side::BOTH {
            self.arrive(side, now);
        }
        for side in Side::BOTH {
            self.end(side).tick(now);
            self.speak(side, now);
        }
    }

    fn arrive(&mut self, side: Side, now: Duration) {
        let (end, _, inward) = self.at(side);
        match inward.take(now) {
            Some(Arrived::Bytes(bytes)) => {
                end.hear(&bytes, now);
                self.trace = fnv(self.trace, &now.as_nanos().to_le_bytes());
                self.trace = fnv(self.trace, &[side as u8]);
                self.trace = fnv(self.trace, &bytes);
            }
            Some(Arrived::End) => end.hear_end(),
            None => {}
        }
    }

    fn speak(&mut self, side: Side, now: Duration) {
        loop {
            let (end, out, _) = self.at(side);
            let (sent, cut) = out.send_off(now);
            end.wrote(sent);
            if cut {
                self.cut(side);
                return;
            }
            if !out.has_room() || !end.may_speak() {
                break;
            }
            if out.is_broken() {
                end.mute();
                break;
            }
            end.speak(out);
        }
        let early = self.closes_early;
        let (end, out, inward) = self.at(side);
        end.note_end(now);
        if end.is_over() || early && end.has_said_all() {
            out.close(now);
        }
        if end.gone_at().is_some_and(|at| at <= now) && !inward.is_broken() {
            inward.break_off(now);
        }
    }

    // ---- what goes wrong ----

    /// Cuts the wire where it is: what `speaker` has under way still arrives, some of what the other has is lost, and
    /// both ends see the end of the stream.
    pub fn cut(&mut self, speaker: Side) {
        let now = self.now;
        self.suffered.cut = true;
        self.suffered.cut_in_group |= self.pipes.iter().any(Pipe::ends_in_group);
        self.pipe(speaker.other()).lose_some();
        self.pipes.iter_mut().for_each(|pipe| pipe.break_off(now));
    }

    /// Nothing of what `speaker` says arrives until then.
    pub fn stall(&mut self, speaker: Side, until: Duration) {
        self.suffered.stalled = true;
        self.pipe(speaker).stall(until);
    }

    /// One side is gone at once, with its session; the other sees the end of the stream. Returns how the session had
    /// ended, if it had.
    pub fn crash(&mut self, side: Side) -> Option<Result<Report, SyncError>> {
        let now = self.now;
        let (end, out, inward) = self.at(side);
        let result = end.crash(now);
        out.lose_some();
        out.break_off(now);
        inward.break_off(now);
        result
    }

    /// From here on nothing goes wrong that has not begun to.
    pub fn calm(&mut self) {
        let now = self.now;
        self.pipes.iter_mut().for_each(|pipe| pipe.calm(now));
    }

    // ---- what the callers of the sessions do ----

    /// As [`Session::stop`].
    pub fn stop(&mut self, side: Side) {
        self.end(side).stop();
    }

    /// As [`Session::abort`].
    pub fn abort(&mut self, side: Side) {
        self.end(side).abort();
    }

    // ---- what can be asked ----

    /// What became of the wire so far.
    #[must_use]
    pub const fn suffered(&self) -> Suffered {
        self.suffered
    }

    /// Both sessions are over, and nothing is on its way to them.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ends.iter().all(End::is_over)
    }

    /// Nothing is on its way and nobody has anything to say: what happens next is that a log is written to, or that
    /// somebody has waited for too long.
    pub fn is_quiet(&mut self) -> bool {
        Side::BOTH.into_iter().all(|side| {
            let (end, out, _) = self.at(side);
            out.is_still() && !(out.has_room() && end.may_speak())
        })
    }

    /// A hash of every byte that arrived, and when.
    #[must_use]
    pub const fn trace(&self) -> u64 {
        self.trace
    }

    /// How each session ended, as [`Session::finish`] says; none where it [crashed](Self::crash).
    #[must_use]
    pub fn finish(self) -> [Option<Result<Report, SyncError>>; 2] {
        let now = self.now;
        self.ends.map(|end| end.finish(now))
    }
}

/// Where FNV-1a begins.
const FNV: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a: no protection, but a byte that differs shows.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
