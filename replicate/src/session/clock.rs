//! When a session has waited long enough. Time is handed in: a duration since any fixed moment.

use std::time::Duration;

use crate::error::Cause;
use crate::frame::HEAD_BYTES;
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
    /// Bytes of pings and pongs, which the wire takes or has taken without progress.
    idle_words: u64,
    /// Since when the other side is looked at, and the progress until then; none while it owes nothing. Who began to
    /// owe something since is looked at from the next moment on that is known here.
    window: Option<(Duration, u64)>,
    /// Since when nothing is left to be done but to say why it failed.
    failed: Option<Duration>,
}

/// How long the reason of a failure may wait for a wire that takes nothing.
const LAST_WORDS_IN: Duration = Duration::from_secs(2);

impl Clock {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            opened: now,
            met: None,
            heard: now,
            pinged: false,
            progress: 0,
            read: 0,
            idle_words: 0,
            window: None,
            failed: None,
        }
    }

    /// Bytes came; `progress` is how many of all that ever came were progress.
    pub(super) fn read(&mut self, now: Duration, progress: u64) {
        if self.met.is_none() {
            self.met = Some(now);
            self.settled(now);
        }
        self.heard = now;
        self.pinged = false;
        self.progress += progress.saturating_sub(self.read);
        self.read = progress;
    }

    /// The wire took bytes.
    pub(super) fn wrote(&mut self, bytes: u64) {
        let idle = self.idle_words.min(bytes);
        self.idle_words -= idle;
        self.progress += bytes - idle;
    }

    /// A ping or a pong is on its way: else who asks often enough would look busy.
    pub(super) const fn said_idle_word(&mut self) {
        self.idle_words += HEAD_BYTES as u64;
    }

    /// The session itself worked for so long, which is not the other side's fault.
    pub(super) fn worked(&mut self, time: Duration) {
        self.heard += time;
        if let Some((since, _)) = &mut self.window {
            *since += time;
        }
    }

    /// The other side is looked at from now on.
    pub(super) fn settled(&mut self, now: Duration) {
        self.window = Some((now, self.progress));
    }

    /// The other side did its part: if it owes something, or will, it has time again.
    pub(super) const fn idle(&mut self) {
        self.window = None;
    }

    /// Whether it takes too long to say why the session failed.
    pub(super) fn gives_up(&mut self, now: Duration) -> bool {
        now.saturating_sub(*self.failed.get_or_insert(now)) >= LAST_WORDS_IN
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
            self.idle();
            return None;
        };
        let Some((since, before)) = self.window else {
            self.settled(now);
            return None;
        };
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

    /// When [`check`](Self::check) has something to look at again. It lies in the past when that is to be done at
    /// once.
    pub(super) fn deadline(&self, owes: bool, may_ping: bool, limits: &Limits) -> Option<Duration> {
        if self.met.is_none() {
            return limits.first_byte_in.map(|max| self.opened + max);
        }
        let ping = (may_ping && !self.pinged).then_some(self.heard + limits.ping_after);
        let end = match self.window {
            Some((since, _)) if owes => since + limits.window,
            None if owes => Duration::ZERO,
            _ => self.heard + limits.dead_after,
        };
        Some(ping.map_or(end, |ping| ping.min(end)))
    }

    /// When [`gives_up`](Self::gives_up) has something to look at.
    pub(super) fn last_words_deadline(&self) -> Duration {
        self.failed.map_or(Duration::ZERO, |since| since + LAST_WORDS_IN)
    }
}
