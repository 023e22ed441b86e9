//! News of people and connections.

use hyperlog::{News, WriterId};

use crate::door::JoinRequest;
use crate::people::User;
use crate::saga::Saga;

/// News of people and connections. They are for showing: whoever is slow misses the oldest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Somebody is here now who was not.
    Join(User),
    /// Somebody is here no more: it said goodbye, or has been away for half a minute.
    Leave(User),
    /// Somebody asks to write.
    Request(JoinRequest),
    /// Somebody came through the open door: it may write now.
    Admitted(User),
    /// A connection ended otherwise than in order, and not because a line broke: that is told as a [`Leave`](Self::Leave), where nobody
    /// comes back.
    Broke {
        /// To whom.
        key: WriterId,
        /// Why, in words.
        why: String,
    },
    /// Something about the network, in words.
    #[cfg(feature = "net")]
    Net(String),
}

/// What happens from when it was made. See [`Saga::events`].
#[derive(Debug)]
pub struct Events {
    saga: Saga,
    events: hyperlog::Events<Event>,
}

impl Events {
    pub(crate) fn new(saga: Saga) -> Self {
        Self { events: saga.inner.events.subscribe(), saga }
    }

    /// The next event, if one is waiting.
    pub fn try_next(&mut self) -> Option<News<Event>> {
        self.saga.tell_who_left();
        self.events.try_next()
    }

    /// Waits for the next event. Needs the timers of tokio: that somebody left can be a matter of time.
    pub async fn recv(&mut self) -> Option<News<Event>> {
        loop {
            self.saga.tell_who_left();
            // Looked at now and then, too: somebody else may have begun to leave meanwhile.
            let soon = tokio::time::Instant::now() + std::time::Duration::from_secs(1);
            let at = self.saga.inner.presence.next().map_or(soon, |at| at.min(soon));
            tokio::select! {
                news = self.events.recv() => return news,
                () = tokio::time::sleep_until(at) => {}
            }
        }
    }
}
