//! What the driver, the handles and the streams of a connection share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::MuxStream;

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something to accept, or never again.
    news: Notify,
    places: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct State {
    /// Opened by the other side, and not accepted yet.
    waiting: VecDeque<MuxStream>,
    ours: usize,
    theirs: usize,
    closed: bool,
    driver: Option<Waker>,
}

impl Shared {
    pub(super) fn new(places: Arc<Semaphore>) -> Self {
        Self { state: Mutex::default(), news: Notify::new(), places }
    }

    /// Nothing is left half-done when it panics, for nothing in it does.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn accept(&self) -> Option<MuxStream> {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            // From here on none is missed.
            news.as_mut().enable();
            // In a block of its own: no guard may live across the wait, or the future could not change threads.
            {
                let mut state = self.state();
                if let Some(stream) = state.waiting.pop_front() {
                    return Some(stream);
                }
                if state.closed {
                    return None;
                }
            }
            news.await;
        }
    }

    /// Hands a stream to who accepts; gives it back when nobody does any more.
    pub(super) fn offer(&self, stream: MuxStream) -> Result<(), MuxStream> {
        let mut state = self.state();
        if state.closed {
            return Err(stream);
        }
        state.waiting.push_back(stream);
        drop(state);
        self.news.notify_waiters();
        Ok(())
    }

    pub(super) fn close(&self) {
        self.places.close();
        let mut state = self.state();
        if state.closed {
            return;
        }
        state.closed = true;
        // Dropped when the lock is free: each takes it.
        let waiting = std::mem::take(&mut state.waiting);
        let driver = state.driver.take();
        drop(state);
        drop(waiting);
        self.news.notify_waiters();
        driver.into_iter().for_each(Waker::wake);
    }

    /// Whether everything that was begun here is over. The driver is woken when that may have changed.
    pub(super) fn is_over(&self, driver: &Waker) -> bool {
        let mut state = self.state();
        state.driver = Some(driver.clone());
        state.closed && state.ours + state.theirs == 0
    }
}

/// One of the streams there may be. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    shared: Arc<Shared>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    pub(super) fn of_ours(shared: &Arc<Shared>, permit: OwnedSemaphorePermit) -> Self {
        shared.state().ours += 1;
        Self { shared: Arc::clone(shared), permit: Some(permit) }
    }

    /// For a stream of the other side; none when it has `max`.
    pub(super) fn of_theirs(shared: &Arc<Shared>, max: usize) -> Option<Self> {
        let mut state = shared.state();
        if state.theirs >= max {
            return None;
        }
        state.theirs += 1;
        Some(Self { shared: Arc::clone(shared), permit: None })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let count = if self.permit.is_some() { &mut state.ours } else { &mut state.theirs };
        *count = count.saturating_sub(1);
        let driver = if state.closed { state.driver.take() } else { None };
        drop(state);
        driver.into_iter().for_each(Waker::wake);
    }
}
