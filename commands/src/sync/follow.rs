//! Printing what comes, as it comes.

use std::thread::JoinHandle;

use scuttleup::Stop;

use crate::error::Failure;

/// A thread that prints what is stored from now on.
pub(crate) struct Follower<T> {
    stop: Stop,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Follower<T> {
    /// `follow` prints until its reader ends, and returns how far it came.
    #[expect(clippy::disallowed_methods, reason = "it prints beside the session")]
    pub(crate) fn new(stop: Stop, follow: impl FnOnce() -> T + Send + 'static) -> Self {
        Self { stop, thread: std::thread::spawn(follow) }
    }

    /// Ends the thread; returns how far it came.
    pub(crate) fn finish(self) -> Result<T, Failure> {
        self.stop.stop();
        self.thread.join().map_err(|_| Failure::Printing)
    }
}
