//! The handle of a sub-level.

use std::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};

/// A sub-level: an ordered space of its own, with keys of its own.
///
/// [`Level::sub`](crate::Level::sub) gives it out. It is valid for that level, its snapshots and what
/// [`within`](crate::within()) made of it, until [`remove`](crate::Level::remove). No two levels of a process give
/// out the same one, so using it elsewhere, or later, is [`Error::UnknownSub`](crate::Error::UnknownSub) and
/// never somebody else's rows. It means nothing outside of the process: keep names, not this.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sub(u32);

impl Sub {
    /// A handle that was never given out before.
    pub(crate) fn fresh() -> Sub {
        // Relaxed: only the number matters, nothing is published by it.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |id| id.checked_add(1));
        Sub(id.expect("a process opens fewer than 2^32 sub-levels"))
    }
}

impl fmt::Debug for Sub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sub-level {}", self.0)
    }
}
