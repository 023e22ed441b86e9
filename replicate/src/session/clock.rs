//! When a session has waited long enough. Time is handed in: a duration since any fixed moment.

use std::time::Duration;

use crate::error::Cause;
use crate::options::Limits;

#[derive(Debug)]
pub(super) struct Clock {
    opened: Duration,
    /// The first byte of the other side; from then on it is held to its part.
    met: Option<Duration>,
    /// The last byte of the other side.
    heard: Duration,
    pinged: bool,
    /// Bytes read and written that were progress; only grows.
    progress: u64,
    read: u64,
    /// Since when the other side is looked at, and the progress until then.
    window: (Duration, u64),
}

impl Clock {
    pub(super) fn new(now: Duration) -> Self {
        Self { opened: now, met: None, heard: now, pinged: false, progress: 0, read: 0, window: (now, 0) }
    }

    /// Bytes came; `progress` is how many of all that ever came were progress.
    pub(super) fn read(&mut self, now: Duration, progress: u64) {
        if self.met.is_none() {
            self.met = Some(now);
            self.window = (now, self.progress);
        }
        self.heard = now;
        self.pinged = false;
        self.progress += progress.saturating_sub(self.read);
        self.read = progress;
    }

    /// The wire took bytes.
    pub(super) fn wrote(&mut self, bytes: u64) {
        self.progress += bytes;
    }

    /// The session itself worked for so long, which is not the other side's fault.
    pub(super) fn worked(&mut self, time: Duration) {
        self.heard += time;
        self.window.0 += time;
    }

    /// Nothing is owed: who owes something later is looked at from then on.
    pub(super) fn settled(&mut self, now: Duration) {
        self.window = (now, self.progress);
    }

    pub(super) fn time(&self, now: Duration) -> Duration {
        self.met.map_or(Duration::ZERO, |met| now.saturating_sub(met))
    }

    /// Why the other side is given up, if it is.
    pub(super) fn check(
        &mut self,
        now: Duration,
        owes: Option<&'static str>,
        limits: &Limits,
    ) -> Option<Cause> {
        let Some(_) = self.met else {
            let over = limits.first_byte_in.filter(|max| now.saturating_sub(self.opened) >= *max)?;
            return Some(Cause::Silent { seconds: over.as_secs() });
        };
        if now.saturating_sub(self.heard) >= limits.dead_after && owes.is_none() {
            return Some(Cause::Silent { seconds: limits.dead_after.as_secs() });
        }
        let Some(owes) = owes else {
            self.settled(now);
            return None;
        };
        let (since, before) = self.window;
        let waited = now.saturating_sub(since);
        if waited < limits.window {
            return None;
        }
        let bytes = self.progress - before;
        if bytes < limits.bytes_per_second_min.saturating_mul(limits.window.as_secs()) {
            return Some(Cause::Stalled { bytes, seconds: waited.as_secs(), owes });
        }
        self.settled(now);
        None
    }

    /// Whether to ask if the other side is still there; once until it is heard again.
    pub(super) fn ping_is_due(&mut self, now: Duration, limits: &Limits) -> bool {
        let due = self.met.is_some() && !self.pinged && now.saturating_sub(self.heard) >= limits.ping_after;
        self.pinged |= due;
        due
    }

    /// When [`check`](Self::check) has something to look at again.
    pub(super) fn deadline(&self, owes: bool, limits: &Limits) -> Option<Duration> {
        if self.met.is_none() {
            return limits.first_byte_in.map(|max| self.opened + max);
        }
        let ping = (!self.pinged).then_some(self.heard + limits.ping_after);
        let end = if owes { self.window.0 + limits.window } else { self.heard + limits.dead_after };
        Some(ping.map_or(end, |ping| ping.min(end)))
    }
}
