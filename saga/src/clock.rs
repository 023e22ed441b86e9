//! Time: of the wall, for what is written, and when things came here.

use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyperlog::Change;
use level::{Batch, Durability, KeyRange, Level, Order, Sub};

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

    /// When a node came here, at the latest; now, where that is not known yet, and then for all nodes up to `last`. Now, too, where the
    /// store fails: time is advisory, and must not cost a message its place in the view.
    pub(crate) fn at(&self, change: Change, last: Change) -> u64 {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if change <= *noted {
            return self.read(change).ok().flatten().unwrap_or_else(|| self.now());
        }
        let (now, last) = (self.now(), change.max(last));
        if self.note(Change(noted.0.saturating_add(1)), last, now).is_ok() {
            *noted = last;
        }
        now
    }

    fn note(&self, first: Change, last: Change, now: u64) -> Result<(), level::Error> {
        let mut batch = Batch::new();
        batch.put(self.sub, key(first), now.to_be_bytes().to_vec());
        batch.put(self.sub, vec![RECEIVED], last.0.to_be_bytes().to_vec());
        self.level.apply(batch, Durability::Buffered)
    }

    fn read(&self, change: Change) -> Result<Option<u64>, level::Error> {
        let range = KeyRange::new(Bound::Included(key(Change(0))), Bound::Included(key(change)));
        let row = self.level.range(self.sub, range, Order::Descending).next().transpose()?;
        Ok(row.and_then(|(_, row)| Some(u64::from_be_bytes(row[..].try_into().ok()?))))
    }
}
