//! What a swarm tells, and the queue where it waits.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use replicate::noise::Secured;
use tokio::sync::Notify;

use crate::error::{DialError, LanError, Refusal};
use crate::gate::Id;
use crate::link::Link;

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "few are on their way, and the large ones are those that matter"
)]
pub enum Event {
    /// Somebody who knows the topic and proved a key. One for each key at a time: if there was one before, its stream
    /// has ended.
    Connected(Connection),
    /// An address that cannot be reached now, and when it is tried again.
    Unreachable {
        /// As it was given; for one from the LAN, the addresses that were announced.
        address: String,
        /// Why not.
        error: DialError,
        /// When it is tried again; [`Duration::MAX`] if never.
        again_in: Duration,
    },
    /// Somebody came who did not get in.
    Refused {
        /// Where from.
        address: IpAddr,
        /// Why not.
        why: Refusal,
        /// How many more were refused since the last event of this kind, and are not told of.
        more: u64,
    },
    /// Nobody can be found in the local network. The swarm goes on without.
    NoLan {
        /// Why not.
        error: LanError,
    },
}

/// Somebody who knows the topic and proved a key.
#[derive(Debug)]
pub struct Connection {
    /// The encrypted stream, and the key at its other end.
    pub secured: Secured<Link>,
    /// Where the other end is.
    pub address: SocketAddr,
    /// Whether this end dialled.
    pub dialed: bool,
}

/// Events that wait to be read. Its bound: one for each connection, one for each address that is dialled, some about
/// strangers, one about the LAN.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Events about strangers.
    refused_max: usize,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Of a connection, its number.
    events: VecDeque<(Option<Id>, Event)>,
    not_told: u64,
    over: bool,
}

impl Queue {
    pub(crate) fn new(refused_max: usize) -> Self {
        Self { state: Mutex::default(), refused_max, news: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connected(&self, id: Id, connection: Connection) {
        self.state().events.push_back((Some(id), Event::Connected(connection)));
        self.news.notify_one();
    }

    /// A connection that nobody has taken yet is not worth taking any more.
    pub(crate) fn withdraw(&self, id: Id) {
        let events = &mut self.state().events;
        let withdrawn = events.iter().position(|(of, _)| *of == Some(id));
        drop(withdrawn.and_then(|index| events.remove(index)));
    }

    /// Replaces what was said of the same address before.
    pub(crate) fn unreachable(&self, address: String, error: DialError, again_in: Duration) {
        let events = &mut self.state().events;
        events
            .retain(|(_, event)| !matches!(event, Event::Unreachable { address: of, .. } if *of == address));
        events.push_back((None, Event::Unreachable { address, error, again_in }));
        self.news.notify_one();
    }

    /// Only counted, if many wait.
    pub(crate) fn refused(&self, address: IpAddr, why: Refusal) {
        let state = &mut *self.state();
        let waiting = state.events.iter().filter(|(_, event)| matches!(event, Event::Refused { .. })).count();
        if waiting >= self.refused_max {
            state.not_told = state.not_told.saturating_add(1);
            return;
        }
        let more = std::mem::take(&mut state.not_told);
        state.events.push_back((None, Event::Refused { address, why, more }));
        self.news.notify_one();
    }

    /// Said once.
    pub(crate) fn no_lan(&self, error: LanError) {
        let events = &mut self.state().events;
        if !events.iter().any(|(_, event)| matches!(event, Event::NoLan { .. })) {
            events.push_back((None, Event::NoLan { error }));
            self.news.notify_one();
        }
    }

    /// There will be no more.
    pub(crate) fn over(&self) {
        self.state().over = true;
        self.news.notify_one();
    }

    /// The next event, for one reader. Dropping the future loses nothing.
    pub(crate) async fn next(&self) -> Option<Event> {
        loop {
            {
                let mut state = self.state();
                match state.events.pop_front() {
                    Some((_, event)) => return Some(event),
                    None if state.over => return None,
                    None => {}
                }
            }
            self.news.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(queue: &Queue) -> usize {
        queue.state().events.len()
    }

    #[tokio::test]
    async fn events_about_strangers_are_bounded_and_those_not_told_are_counted() {
        let queue = Queue::new(4);
        for _ in 0..1_000 {
            queue.refused([192, 0, 2, 1].into(), Refusal::TooManyHandshakes);
        }
        assert_eq!(waiting(&queue), 4);
        for _ in 0..4 {
            assert!(matches!(queue.next().await, Some(Event::Refused { more: 0, .. })));
        }
        queue.refused([192, 0, 2, 1].into(), Refusal::TooManyHandshakes);
        assert!(matches!(queue.next().await, Some(Event::Refused { more: 996, .. })));
    }

    #[tokio::test]
    async fn of_an_address_that_cannot_be_reached_the_last_word_counts() {
        let queue = Queue::new(4);
        for again_in in 1..=100 {
            for address in ["a:1", "b:1"] {
                queue.unreachable(address.into(), DialError::TooMany, Duration::from_secs(again_in));
            }
        }
        assert_eq!(waiting(&queue), 2);
        let first = queue.next().await;
        assert!(matches!(first, Some(Event::Unreachable { again_in, .. }) if again_in.as_secs() == 100));
    }

    #[tokio::test]
    async fn what_was_said_before_the_end_is_read_and_then_nothing() {
        let queue = Queue::new(4);
        for _ in 0..2 {
            queue.no_lan(LanError::Mdns(String::new()));
        }
        queue.over();
        assert!(matches!(queue.next().await, Some(Event::NoLan { .. })));
        for _ in 0..2 {
            assert!(queue.next().await.is_none());
        }
    }
}
