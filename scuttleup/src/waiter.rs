//! Waiting for news without reading it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::EventListener;

use crate::log::Log;
use crate::reader::Stop;

/// Wakes whoever looks at the log itself. It wakes for everything that was stored since it last woke, at once if
/// that was in the meantime, and now and then for nothing: look, and wait again. Idle it costs nothing.
pub struct Waiter {
    log: Log,
    /// Some, but while it is waited for.
    woken: Option<EventListener>,
    stopped: Arc<AtomicBool>,
}

impl std::fmt::Debug for Waiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiter").field("log", &self.log).finish_non_exhaustive()
    }
}

impl Waiter {
    pub(crate) fn new(log: Log) -> Self {
        let woken = Some(log.inner.wake.listen());
        Self { log, woken, stopped: Arc::default() }
    }

    /// Something that ends the waiting from another thread or task.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        Stop::new(&self.log, &self.stopped)
    }

    /// Waits until something was stored, filled, or dropped; false once it was stopped.
    pub async fn recv(&mut self) -> bool {
        if self.is_stopped() {
            return false;
        }
        if let Some(woken) = &mut self.woken {
            woken.await;
        }
        self.listen()
    }

    /// As [`recv`](Self::recv), and blocks the thread.
    #[cfg(not(target_family = "wasm"))]
    pub fn wait(&mut self) -> bool {
        if self.is_stopped() {
            return false;
        }
        if let Some(woken) = self.woken.take() {
            event_listener::Listener::wait(woken);
        }
        self.listen()
    }

    /// Listens on before the caller looks, so that nothing is stored unseen in between.
    fn listen(&mut self) -> bool {
        self.woken = Some(self.log.inner.wake.listen());
        !self.is_stopped()
    }

    /// Whether it was stopped: who is never without news does not get to wait.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}
