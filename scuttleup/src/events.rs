//! News by subscription: a bounded queue per subscriber, which tells who falls behind how much it missed.
//!
//! Events are for showing and waking. Whoever must not miss an entry reads the log with a live reader.

use async_broadcast::{InactiveReceiver, Receiver, RecvError, Sender, TryRecvError};

/// The sending side, held by the log.
#[derive(Debug)]
pub struct Bus<T> {
    sender: Sender<T>,
    /// Keeps the channel open while nobody listens.
    _open: InactiveReceiver<T>,
}

impl<T: Clone> Bus<T> {
    /// A bus on which a subscriber may fall `capacity` events behind.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let (mut sender, receiver) = async_broadcast::broadcast(capacity.max(1));
        sender.set_overflow(true);
        sender.set_await_active(false);
        Self { sender, _open: receiver.deactivate() }
    }

    /// Whether anybody listens; without listeners events need not be made.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Tells all who listen now. Never waits: who is too far behind loses its oldest event.
    pub fn send(&self, event: T) {
        // Without listeners the channel refuses, and there is nobody to tell.
        let _ = self.sender.try_broadcast(event);
    }

    /// Events from now on.
    #[must_use]
    pub fn subscribe(&self) -> Events<T> {
        Events { receiver: self.sender.new_receiver() }
    }
}

/// One subscriber's queue of events.
#[derive(Debug)]
pub struct Events<T> {
    receiver: Receiver<T>,
}

/// What a subscriber gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News<T> {
    /// An event.
    Event(T),
    /// This many events were dropped because the subscriber was too slow.
    Missed(u64),
}

impl<T: Clone> Events<T> {
    /// The next event, if one is waiting.
    pub fn try_next(&mut self) -> Option<News<T>> {
        match self.receiver.try_recv() {
            Ok(event) => Some(News::Event(event)),
            Err(TryRecvError::Overflowed(n)) => Some(News::Missed(n)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    /// Waits for the next event. None once the log is closed.
    pub async fn recv(&mut self) -> Option<News<T>> {
        news(self.receiver.recv_direct().await)
    }
}

#[cfg(not(target_family = "wasm"))]
impl<T: Clone> Iterator for Events<T> {
    type Item = News<T>;

    /// Blocks until the next event. None once the log is closed.
    fn next(&mut self) -> Option<News<T>> {
        news(self.receiver.recv_blocking())
    }
}

fn news<T>(received: Result<T, RecvError>) -> Option<News<T>> {
    match received {
        Ok(event) => Some(News::Event(event)),
        Err(RecvError::Overflowed(n)) => Some(News::Missed(n)),
        Err(RecvError::Closed) => None,
    }
}
