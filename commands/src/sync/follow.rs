//! Printing what comes, as it comes.

use std::thread::JoinHandle;

use scuttleup::{Change, Stop};

use crate::error::Failure;

/// A thread that prints what is stored from now on.
pub(crate) struct Follower {
    stop: Stop,
    thread: JoinHandle<Change>,
}

impl Follower {
    /// `follow` prints until its reader ends, and returns the last change that it printed.
    #[expect(clippy::disallowed_methods, reason = "it prints beside the session")]
    pub(crate) fn new(stop: Stop, follow: impl FnOnce() -> Change + Send + 'static) -> Self {
        Self { stop, thread: std::thread::spawn(follow) }
    }

    /// Ends the thread; returns the last change that was printed.
    pub(crate) fn finish(self) -> Result<Change, Failure> {
        self.stop.stop();
        self.thread.join().map_err(|_| Failure::Printing)
    }
}
