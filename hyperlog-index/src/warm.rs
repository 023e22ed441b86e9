//! Keeping a view up to date while nobody reads it.

use std::future::poll_fn;
use std::task::Poll;

use hyperlog::{Change, Stop, Waiter};

use crate::error::Error;
use crate::index::Index;
use crate::view::View;

/// Catches up each time something comes, and says how far the view is then. As an iterator it blocks its thread;
/// [`recv`](Self::recv) waits without. Dropping it, or its [`stop_handle`](Self::stop_handle), ends it.
///
/// A view that stopped at a node is an error in its place; the next call tries again when something more comes.
#[derive(Debug)]
pub struct Warm<V: View> {
    index: Index<V>,
    waiter: Waiter,
    /// What was told last; none before the first time.
    told: Option<(u64, Change)>,
}

impl<V: View> Warm<V> {
    pub(crate) fn new(index: Index<V>) -> Self {
        // Made first: what is stored from here on wakes it.
        let waiter = index.waiter();
        Self { index, waiter, told: None }
    }

    /// Something that ends this from another thread or task.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        self.waiter.stop_handle()
    }

    /// Waits for something new and catches up with it; the first time at once. None once it was stopped.
    pub async fn recv(&mut self) -> Option<Result<Change, Error>> {
        loop {
            if self.waiter.is_stopped() {
                return None;
            }
            if let Some(now) = self.news() {
                let caught_up = self.index.ready_async().await;
                return Some(self.tell(now, caught_up));
            }
            self.waiter.recv().await;
        }
    }

    /// How far the log is, unless that was told.
    fn news(&self) -> Option<(u64, Change)> {
        let now = self.index.inner.target();
        (self.told != Some(now)).then_some(now)
    }

    /// Only what was caught up with is told: somebody may have dropped [`recv`](Self::recv) halfway.
    fn tell(&mut self, now: (u64, Change), caught_up: Result<(), Error>) -> Result<Change, Error> {
        self.told = Some(now);
        caught_up.map(|()| self.index.last())
    }
}

#[cfg(not(target_family = "wasm"))]
impl<V: View> Iterator for Warm<V> {
    type Item = Result<Change, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.waiter.is_stopped() {
                return None;
            }
            if let Some(now) = self.news() {
                let caught_up = self.index.ready();
                return Some(self.tell(now, caught_up));
            }
            self.waiter.wait();
        }
    }
}

/// Lets other tasks run once.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
