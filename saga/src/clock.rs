//! Time: of the wall, for what is written, and when things came here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyperlog::Change;
use level::{Durability, KeyRange, Level, Order, Sub};

/// A clock of the wall: milliseconds since 1970. A browser, or a test, brings its own.
pub type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The system's clock; 0 when it stands before 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the default of what can be handed in")]
pub fn system_clock() -> WallClock {
    Arc::new(|| millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A peer's clock may be so far ahead of ours before it is not believed.
const AHEAD: Duration = Duration::from_secs(120);

/// The time to show: the claimed one, but not before that of what the author had seen, and not long after it came here.
pub(crate) fn shown(claimed: u64, floor: u64, received: u64) -> u64 {
    claimed.max(floor).min(received.saturating_add(millis(AHEAD)))
}

/// Below this, by the first change of a batch, when it came.
const RECEIVED: u8 = b'r';

/// When nodes came here: a row for each batch that was seen at once. It is no part of the view, which can be built anew.
pub(crate) struct Received {
    level: Arc<dyn Level>,
    sub: Sub,
    clock: WallClock,
    /// The last node of which the time is known.
    noted: Mutex<Change>,
}

fn key(change: Change) -> Vec<u8> {
    [&[RECEIVED], &change.0.to_be_bytes()[..]].concat()
}

impl Received {
    pub(crate) fn open(level: Arc<dyn Level>, sub: Sub, clock: WallClock) -> Result<Self, level::Error> {
        let last =
            level.get(sub, &[RECEIVED])?.and_then(|row| Some(u64::from_be_bytes(row[..].try_into().ok()?)));
        Ok(Self { level, sub, clock, noted: Mutex::new(Change(last.unwrap_or(0))) })
    }

    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// When a node came here, at the latest; now, where that is not known yet, and then for all nodes up to `last`.
    pub(crate) fn at(&self, change: Change, last: Change) -> Result<u64, level::Error> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if change > *noted {
            let (now, last) = (self.now(), change.max(last));
            let mut batch = level::Batch::new();
            batch.put(
                self.sub,
                key(Change(noted.0.saturating_add(1))),
                Bytes::copy_from_slice(&now.to_be_bytes()),
            );
            batch.put(self.sub, vec![RECEIVED], Bytes::copy_from_slice(&last.0.to_be_bytes()));
            self.level.apply(batch, Durability::Buffered)?;
            *noted = last;
            return Ok(now);
        }
        let range =
            KeyRange::new(std::ops::Bound::Included(key(Change(0))), std::ops::Bound::Included(key(change)));
        let row = self.level.range(self.sub, range, Order::Descending).next().transpose()?;
        let time = row.and_then(|(_, row)| Some(u64::from_be_bytes(row[..].try_into().ok()?)));
        Ok(time.unwrap_or_else(|| self.now()))
    }
}
