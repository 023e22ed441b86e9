//! Two sessions and the wires between them, byte by byte, in virtual time.

use std::time::Duration;

use bytes::BytesMut;
use replicate::{
    Cause, Difference, Event, Frames, Limits, Message, Mode, Options, Progress, Report, Session, SyncError,
};

use crate::dice::Dice;
use crate::toy::{Side, Toy};

pub(crate) type Outcome = Result<Report, SyncError>;

pub(crate) struct End {
    pub(crate) session: Session<Side>,
    frames: Frames,
    arrived: BytesMut,
    pub(crate) events: Vec<Event>,
    /// What it said, by name.
    pub(crate) said: Vec<Message>,
    /// The end of the other side's stream was handed in.
    closed: bool,
    progress: Progress,
}

impl End {
    pub(crate) fn new(toy: &Toy, options: Options) -> Self {
        Self {
            session: Session::new(toy, options, Duration::ZERO).unwrap(),
            frames: Frames::default(),
            arrived: BytesMut::new(),
            events: Vec::new(),
            said: Vec::new(),
            closed: false,
            progress: Progress::default(),
        }
    }

    fn drain(&mut self) {
        while let Some(event) = self.session.next_event() {
            if let Event::Progress(progress) = &event {
                assert_ascends(&self.progress, progress);
                self.progress = *progress;
            }
            self.events.push(event);
        }
    }

    pub(crate) fn last_progress(&self) -> Progress {
        self.progress
    }
}

/// Progress only goes forward, and a total that is known stays.
pub(crate) fn assert_ascends(before: &Progress, after: &Progress) {
    assert!(before.sent <= after.sent, "{before:?} {after:?}");
    assert!(before.received <= after.received, "{before:?} {after:?}");
    assert!(before.acknowledged <= after.acknowledged, "{before:?} {after:?}");
    assert!(after.acknowledged <= after.sent, "{after:?}");
    assert!(before.to_send.is_none() || before.to_send == after.to_send, "{before:?} {after:?}");
    assert!(before.to_receive.is_none() || before.to_receive == after.to_receive, "{before:?} {after:?}");
}

pub(crate) struct Talk {
    pub(crate) ends: [End; 2],
    /// From each end to the other.
    pub(crate) wires: [BytesMut; 2],
    /// A wire takes the next message while it holds less.
    pub(crate) capacity: [usize; 2],
    pub(crate) now: Duration,
}

impl Talk {
    pub(crate) fn new(a: &Toy, options_a: Options, b: &Toy, options_b: Options) -> Self {
        Self {
            ends: [End::new(a, options_a), End::new(b, options_b)],
            wires: [BytesMut::new(), BytesMut::new()],
            capacity: [usize::MAX; 2],
            now: Duration::ZERO,
        }
    }

    pub(crate) fn say(&mut self, i: usize) -> bool {
        let end = &mut self.ends[i];
        end.drain();
        if self.wires[i].len() >= self.capacity[i] {
            return false;
        }
        let Some(message) = end.session.say() else { return false };
        let before = self.wires[i].len();
        end.frames.encode(&message, &mut self.wires[i]);
        end.session.wrote((self.wires[i].len() - before) as u64);
        end.said.push(message);
        end.drain();
        true
    }

    /// Up to `n` bytes reach side `i`.
    pub(crate) fn deliver(&mut self, i: usize, n: usize) -> bool {
        let wire = &mut self.wires[1 - i];
        let n = n.min(wire.len());
        let bytes = wire.split_to(n);
        if n > 0 {
            self.hand(i, &bytes);
        }
        self.close(i);
        n > 0
    }

    /// These bytes reach side `i`.
    pub(crate) fn hand(&mut self, i: usize, bytes: &[u8]) {
        let end = &mut self.ends[i];
        end.arrived.extend_from_slice(bytes);
        let mut n = bytes.len() as u64;
        loop {
            let message = end.frames.decode(&mut end.arrived);
            end.session.read(self.now, std::mem::take(&mut n), end.frames.progress());
            match message {
                Ok(Some(message)) => end.session.hear(message, self.now),
                Ok(None) => break,
                Err(error) => {
                    end.session.broke(error);
                    end.arrived.clear();
                    break;
                }
            }
        }
        end.drain();
    }

    fn close(&mut self, i: usize) {
        let said_all = self.ends[1 - i].session.has_said_all();
        if said_all && self.wires[1 - i].is_empty() && !self.ends[i].closed {
            self.ends[i].closed = true;
            self.ends[i].session.ended();
            self.ends[i].drain();
        }
    }

    pub(crate) fn tick(&mut self, i: usize) {
        let end = &mut self.ends[i];
        if end.session.deadline().is_some_and(|at| at <= self.now) {
            end.session.tick(self.now);
            end.drain();
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.session.is_over())
    }

    /// Everything that can be said is said and heard.
    pub(crate) fn settle(&mut self) {
        while self.say(0) | self.say(1) | self.deliver(0, usize::MAX) | self.deliver(1, usize::MAX) {}
    }

    /// Everything is said and heard until time has to pass, and time passes until `until`.
    pub(crate) fn run_until(&mut self, until: Duration) {
        let mut idle = 0;
        loop {
            self.settle();
            if self.is_over() {
                return;
            }
            let deadlines = self.ends.iter().filter_map(|end| end.session.deadline());
            let Some(next) = deadlines.min().filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            idle = if next <= self.now { idle + 1 } else { 0 };
            assert!(idle < 10, "a deadline that stays in the past");
            self.now = self.now.max(next);
            self.tick(0);
            self.tick(1);
        }
    }

    /// Both sides, in any order, with any delays and cuts.
    pub(crate) fn run_randomly(
        &mut self,
        dice: &mut Dice,
        mut also: impl FnMut(&mut Self, &mut Dice, usize),
    ) {
        for step in 0.. {
            assert!(step < 200_000, "it does not end: {:?}", self.ends.each_ref().map(|end| &end.session));
            let i = dice.below(2);
            match dice.below(8) {
                0..=2 => drop(self.say(i)),
                3..=5 => {
                    let n = dice.pick(&[1, 3, 17, 200, 1_000, usize::MAX]);
                    self.deliver(i, n);
                }
                6 => self.now += Duration::from_micros(dice.below(4_000) as u64),
                _ => self.tick(i),
            }
            also(self, dice, step);
            if self.is_over() {
                return;
            }
            // Nobody can do anything but wait.
            if step % 64 == 0 && !self.can_go_on() {
                let deadlines = self.ends.iter().filter_map(|end| end.session.deadline());
                self.now = self.now.max(deadlines.min().unwrap_or(self.now));
            }
        }
    }

    fn can_go_on(&mut self) -> bool {
        (0..2).any(|i| self.say(i)) || self.wires.iter().any(|wire| !wire.is_empty())
    }

    pub(crate) fn finish(self) -> [Outcome; 2] {
        let now = self.now;
        self.ends.map(|mut end| {
            end.drain();
            end.session.finish(now)
        })
    }
}

/// Tiny bounds, so that small logs reach them.
pub(crate) fn tiny(dice: &mut Dice) -> Limits {
    let mut limits = Limits::default();
    limits.tips_at_once = dice.pick(&[0, 2, 256]);
    limits.tips_per_range = dice.pick(&[1, 2, 16]);
    limits.parts = 2 + dice.below(15);
    limits.points_per_message = dice.pick(&[1, 2, 3, 8, 1_024]);
    limits.ids_per_ask = dice.pick(&[1, 2, 1_024]);
    limits
}

pub(crate) const MODES: [Mode; 3] = [Mode::Sync, Mode::Push, Mode::Pull];

/// What holds of two reports of a session that completed.
pub(crate) fn assert_reports(a: &Report, b: &Report) {
    for (one, other) in [(a, b), (b, a)] {
        assert!(one.complete);
        assert_eq!(one.equal, one.differences.is_empty(), "{one:?}");
        assert_eq!(one.sent, other.received + other.duplicates, "{one:?} {other:?}");
        assert_eq!(one.bytes_sent, other.bytes_received, "{one:?} {other:?}");
        assert!(!one.differences.contains(&Difference::Unexplained), "{one:?} {other:?}");
        assert!(one.forks.is_sorted());
    }
    assert_eq!(a.equal, b.equal);
}

pub(crate) fn cause(outcome: Outcome) -> Cause {
    outcome.unwrap_err().cause
}

/// Two logs that differ, with forks.
pub(crate) fn random_logs(dice: &mut Dice, writers: usize, entries: usize) -> (Toy, Toy) {
    let per_group = 1 + dice.below(8);
    let logs = [(); 2].map(|()| Toy { per_group, ..Toy::default() });
    let mut known: Vec<Vec<[u8; 32]>> = vec![Vec::new(); writers];
    let mut token = 0;
    for n in 0..entries {
        let writer = dice.below(writers);
        let forks = dice.chance(15) || known[writer].is_empty();
        let prev = if known[writer].is_empty() || dice.chance(2) {
            None
        } else if forks {
            Some(dice.pick(&known[writer]))
        } else {
            known[writer].last().copied()
        };
        token += 1;
        // Shared for a while, then apart.
        let which = if n < entries / 2 { 2 } else { dice.below(3) };
        for (i, log) in logs.iter().enumerate().filter(|(i, _)| which == 2 || which == *i) {
            let has = prev.is_none_or(|prev| log.has(&prev));
            if has {
                let id = log.put(writer as u64, prev, token);
                if i == which.min(1) {
                    known[writer].push(id);
                }
            }
        }
    }
    let [a, b] = logs;
    (a, b)
}
