//! Time, handed in: the log reads no clock by itself.

use std::time::Duration;

/// A monotonic clock. `disk::SystemClock` is the system's; a test or a browser brings its own.
pub trait Clock: Send + Sync {
    /// Time since some fixed moment; never runs backwards.
    fn now(&self) -> Duration;
}
