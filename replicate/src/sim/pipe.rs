//! One direction of a wire.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::dice::Dice;
use super::faults::Faults;
use crate::frame::{Frames, HEAD_BYTES};
use crate::message::Message;

/// However small its pieces, a long message is cut into some thousands at most.
const PIECES_MAX: usize = 1_024;

/// What one end says, on its way to the other.
pub(super) struct Pipe {
    faults: Faults,
    dice: Dice,
    /// What was said and is not under way.
    said: BytesMut,
    /// What is under way, and when it arrives.
    flight: VecDeque<(Duration, Bytes)>,
    flying: usize,
    /// When the last piece arrives, or did: nothing overtakes.
    last: Duration,
    /// Nothing arrives before that.
    stalled: Duration,
    /// Bytes that ever were under way.
    passed: u64,
    /// Groups that were said, and the bytes of the one said last.
    groups: u64,
    group: std::ops::Range<u64>,
    /// Nothing more is carried from this byte on.
    cut_at: Option<u64>,
    /// The group within which that is to be.
    cut_group: Option<u64>,
    /// Takes nothing any more.
    broken: bool,
    /// When the end of the stream arrives, once everything before it has.
    end: Option<Duration>,
    ended: bool,
}

/// What comes out of a pipe.
pub(super) enum Arrived {
    Bytes(Bytes),
    End,
}

impl std::fmt::Debug for Pipe {
    /// Shows how much it carries, never what: values can be private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipe")
            .field("said", &self.said.len())
            .field("flying", &self.flying)
            .field("passed", &self.passed)
            .field("next_at", &self.next_at())
            .field("broken", &self.broken)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Pipe {
    pub(super) fn new(faults: Faults, dice: Dice, now: Duration) -> Self {
        Self {
            faults,
            dice,
            said: BytesMut::new(),
            flight: VecDeque::new(),
            flying: 0,
            last: now,
            stalled: now,
            passed: 0,
            groups: 0,
            group: 0..0,
            cut_at: None,
            cut_group: None,
            broken: false,
            end: None,
            ended: false,
        }
    }

    pub(super) const fn cut_at_byte(&mut self, byte: u64) {
        self.cut_at = Some(byte);
    }

    pub(super) const fn cut_in_group(&mut self, group: u64) {
        self.cut_group = Some(group);
    }

    // ---- what the speaker does ----

    /// All that was said is under way, so more can be said.
    pub(super) fn has_room(&self) -> bool {
        self.said.is_empty() && (self.broken || self.end.is_none() && self.has_space())
    }

    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    pub(super) fn say(&mut self, frames: &mut Frames, message: &Message) {
        let before = self.said.len() as u64;
        frames.encode(message, &mut self.said);
        if let Message::Group(body) = message {
            let after = self.passed + self.said.len() as u64;
            let frame = (body.len() + HEAD_BYTES) as u64;
            self.group = (after - frame).max(self.passed + before)..after;
            if self.cut_group == Some(self.groups) {
                // At least one byte of it passes, and at least one does not.
                self.cut_at = Some(self.group.start + 1 + self.dice.below(frame - 1));
            }
            self.groups += 1;
        }
    }

    /// Sends off what there is room for; returns how many bytes, and whether the wire has to break now.
    pub(super) fn send_off(&mut self, now: Duration) -> (u64, bool) {
        let mut sent = 0;
        while !self.said.is_empty() && self.has_space() && !self.broken {
            let left = self.cut_at.map_or(u64::MAX, |at| at.saturating_sub(self.passed));
            if left == 0 {
                return (sent, true);
            }
            let room = self.said.len().min(self.faults.capacity - self.flying);
            let room = room.min(usize::try_from(left).unwrap_or(usize::MAX));
            let piece = self.dice.up_to(self.faults.piece_max).max(self.said.len() / PIECES_MAX);
            let piece = self.said.split_to(piece.min(room)).freeze();
            self.last = self.last.max(now + self.dice.time(self.faults.latency_max));
            self.passed += piece.len() as u64;
            self.flying += piece.len();
            sent += piece.len() as u64;
            self.flight.push_back((self.last, piece));
        }
        (sent, false)
    }

    /// Half of it at least: where a byte was sent for each that arrived, there would be nothing but single bytes.
    const fn has_space(&self) -> bool {
        self.flying * 2 <= self.faults.capacity
    }

    /// The speaker has said all it will.
    pub(super) fn close(&mut self, now: Duration) {
        if self.said.is_empty() && self.end.is_none() {
            self.last = self.last.max(now + self.dice.time(self.faults.latency_max));
            self.end = Some(self.last);
        }
    }

    /// Takes nothing any more; what is under way still arrives, and the end after it.
    pub(super) fn break_off(&mut self, now: Duration) {
        self.broken = true;
        self.said.clear();
        self.close(now);
    }

    /// Loses some of what is under way: a beginning of it arrives.
    pub(super) fn lose_some(&mut self) {
        let keep = self.dice.place(self.flight.len() + 1);
        self.flight.truncate(keep);
        self.flying = self.flight.iter().map(|(_, piece)| piece.len()).sum();
    }

    /// Whether what passed ends within a group.
    pub(super) fn ends_in_group(&self) -> bool {
        self.group.start < self.passed && self.passed < self.group.end
    }

    // ---- what the wire does ----

    pub(super) fn stall(&mut self, until: Duration) {
        self.stalled = self.stalled.max(until);
    }

    /// From here on nothing goes wrong that has not begun to.
    pub(super) const fn calm(&mut self, now: Duration) {
        (self.cut_at, self.cut_group, self.stalled) = (None, None, now);
    }

    // ---- what the listener does ----

    /// When something arrives.
    pub(super) fn next_at(&self) -> Option<Duration> {
        let at = match self.flight.front() {
            Some((at, _)) => Some(*at),
            None if self.ended => None,
            None => self.end,
        };
        at.map(|at| at.max(self.stalled))
    }

    /// What has arrived by now: a piece or some, or the end.
    pub(super) fn take(&mut self, now: Duration) -> Option<Arrived> {
        if self.next_at().is_none_or(|at| at > now) {
            return None;
        }
        let Some((_, piece)) = self.flight.pop_front() else {
            self.ended = true;
            return Some(Arrived::End);
        };
        let mut bytes = BytesMut::from(piece);
        // Pieces run together, also of two messages.
        while self.flight.front().is_some_and(|(at, _)| *at <= now) && self.dice.chance(50) {
            self.flight.pop_front().iter().for_each(|(_, piece)| bytes.extend_from_slice(piece));
        }
        self.flying -= bytes.len();
        Some(Arrived::Bytes(bytes.freeze()))
    }

    /// Nothing is on its way.
    pub(super) fn is_still(&self) -> bool {
        self.said.is_empty() && self.flight.is_empty() && (self.end.is_none() || self.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn group(bytes: usize) -> Message {
        Message::Group(vec![7; bytes].into())
    }

    /// Everything that is sent, and what of it arrives; and the most that was ever under way.
    fn carried(pipe: &mut Pipe, messages: &[Message]) -> (Vec<u8>, Vec<u8>, usize) {
        let (mut frames, mut same) = (Frames::default(), Frames::default());
        let (mut said, mut arrived, mut most) = (BytesMut::new(), Vec::new(), 0);
        let mut messages = messages.iter();
        let mut now = Duration::ZERO;
        loop {
            if pipe.has_room() && !pipe.is_broken() {
                match messages.next() {
                    Some(message) => {
                        pipe.say(&mut frames, message);
                        same.encode(message, &mut said);
                    }
                    None => pipe.close(now),
                }
            }
            if pipe.send_off(now).1 {
                pipe.break_off(now);
            }
            most = most.max(pipe.flying);
            now += MS;
            match pipe.take(now) {
                Some(Arrived::Bytes(bytes)) => arrived.extend_from_slice(&bytes),
                Some(Arrived::End) => return (said.to_vec(), arrived, most),
                None => {}
            }
        }
    }

    fn pipe(seed: u64, faults: &Faults) -> Pipe {
        Pipe::new(faults.clone(), Dice::new(seed), Duration::ZERO)
    }

    #[test]
    fn what_is_said_arrives_whole_and_in_order_however_it_is_split() {
        for seed in 0..50 {
            let faults = Faults {
                piece_max: 1 + seed as usize,
                latency_max: 10 * MS,
                capacity: 1 + 7 * seed as usize,
                ..Faults::default()
            };
            let (said, arrived, most) =
                carried(&mut pipe(seed, &faults), &[group(300), Message::Ping, group(9)]);
            assert_eq!(said, arrived, "seed {seed}");
            assert!(most <= faults.capacity, "{most} bytes under way of {}", faults.capacity);
        }
    }

    #[test]
    fn a_pipe_breaks_at_its_byte() {
        for byte in [0, 1, 8, 9, 100, 306] {
            let mut pipe = pipe(byte, &Faults { piece_max: 10, ..Faults::default() });
            pipe.cut_at_byte(byte);
            let (said, arrived, _) = carried(&mut pipe, &[group(300)]);
            assert_eq!(arrived, said[..byte as usize]);
            assert_eq!(pipe.ends_in_group(), byte > 8, "8 bytes of magic come first");
        }
    }

    #[test]
    fn a_pipe_breaks_within_the_group_that_was_meant() {
        for seed in 0..200 {
            let mut pipe = pipe(seed, &Faults::default());
            pipe.cut_in_group(1);
            let (said, arrived, _) = carried(&mut pipe, &[group(50), Message::Ping, group(3), group(90)]);
            let (start, end) = (8 + 55 + 5, 8 + 55 + 5 + 8);
            assert!((start + 1..end).contains(&arrived.len()), "{} bytes", arrived.len());
            assert!(said.starts_with(&arrived) && pipe.ends_in_group());
        }
    }

    #[test]
    fn a_stall_holds_back_and_loses_nothing() {
        let mut pipe = pipe(1, &Faults::default());
        pipe.say(&mut Frames::default(), &Message::Ping);
        assert!(!pipe.send_off(Duration::ZERO).1);
        pipe.stall(50 * MS);
        assert!(pipe.take(49 * MS).is_none());
        assert_eq!(pipe.next_at(), Some(50 * MS));
        assert!(matches!(pipe.take(50 * MS), Some(Arrived::Bytes(bytes)) if bytes.len() == 13));
        assert!(pipe.is_still());
    }
}
