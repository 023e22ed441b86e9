//! Being found, and finding others: on the local network, and by address.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use swarm::{JoinError, Swarm};
use tokio::sync::{mpsc, oneshot};

use crate::connect::in_full;
use crate::event::Event;
use crate::saga::Saga;
use crate::sanitize::sanitize;

/// Addresses to dial that wait.
const DIALS_WAITING: usize = 64;

/// What runs while the chat is on the network.
#[derive(Debug)]
struct Joined {
    dial: mpsc::Sender<String>,
    leave: oneshot::Sender<oneshot::Sender<()>>,
}

/// Whether the chat is on the network.
#[derive(Debug, Default)]
pub(crate) struct Net {
    joined: Mutex<Option<Joined>>,
}

impl Saga {
    /// Goes on the network: listens, finds others on the local one and is found there, and connects to all of them. Returns
    /// where it listens. Needs a runtime of tokio, and runs on it until [`leave`](Self::leave). Who is on it already leaves first.
    ///
    /// # Errors
    ///
    /// [`JoinError`].
    pub async fn join(&self, options: swarm::Options) -> Result<Vec<SocketAddr>, JoinError> {
        self.leave().await;
        let topic = self.key().topic();
        let identity = Arc::new(self.inner.identity.clone());
        let swarm = Swarm::join(identity, *topic.as_bytes(), topic.discovery_key(), options).await?;
        let addresses = swarm.addresses();
        let (dial, dials) = mpsc::channel(DIALS_WAITING);
        let (leave, left) = oneshot::channel();
        tokio::spawn(run(self.clone(), swarm, dials, left));
        let before = self.joined().replace(Joined { dial, leave });
        // Somebody else joined meanwhile: the later one stays.
        drop(before);
        Ok(addresses)
    }

    fn joined(&self) -> std::sync::MutexGuard<'_, Option<Joined>> {
        self.inner.net.joined.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects to one more address, `HOST:PORT`, and goes on trying. Whether it will: not when the chat is not on the network, or
    /// too many addresses wait.
    pub fn dial(&self, address: impl Into<String>) -> bool {
        self.joined().as_ref().is_some_and(|joined| joined.dial.try_send(address.into()).is_ok())
    }

    /// Goes off the network, and says goodbye as [`disconnect`](Self::disconnect) does.
    pub async fn leave(&self) {
        let joined = self.joined().take();
        if let Some(joined) = joined {
            let (done, was_done) = oneshot::channel();
            if joined.leave.send(done).is_ok() {
                let _ = was_done.await;
            }
        }
        self.disconnect().await;
    }
}

/// Hands connections to the chat until it leaves.
async fn run(
    saga: Saga,
    mut swarm: Swarm,
    mut dials: mpsc::Receiver<String>,
    mut left: oneshot::Receiver<oneshot::Sender<()>>,
) {
    let done = loop {
        tokio::select! {
            done = &mut left => break done.ok(),
            Some(address) = dials.recv() => swarm.dial(address),
            event = swarm.next() => match event {
                Some(event) => take(&saga, event),
                None => break None,
            },
        }
    };
    swarm.leave().await;
    if let Some(done) = done {
        let _ = done.send(());
    }
}

fn take(saga: &Saga, event: swarm::Event) {
    match event {
        swarm::Event::Connected(connection) => {
            // Taken here: it must not be missed by who says goodbye to all before the task has begun.
            let (saga, place) = (saga.clone(), saga.inner.sessions.begin());
            tokio::spawn(async move {
                // How it ended was told as an event.
                let _ = saga.connect_at(place, connection.secured).await;
            });
        }
        other => saga.inner.events.send(Event::Net(in_words(&other))),
    }
}

/// What the network says, for somebody who reads it.
fn in_words(event: &swarm::Event) -> String {
    let text = match event {
        swarm::Event::Unreachable { address, error, again_in } if *again_in == Duration::MAX => {
            format!("{address} cannot be reached: {}", in_full(error))
        }
        swarm::Event::Unreachable { address, error, again_in } => {
            let seconds = again_in.as_secs().max(1);
            format!("{address} cannot be reached, next try in {seconds} s: {}", in_full(error))
        }
        swarm::Event::Refused { address, why, more: 0 } => {
            format!("{address} did not get in: {}", in_full(why))
        }
        swarm::Event::Refused { address, why, more } => {
            format!("{address} did not get in, nor did {more} others: {}", in_full(why))
        }
        swarm::Event::NoLan { error } => format!("nobody is found in the local network: {}", in_full(error)),
        other => format!("{other:?}"),
    };
    sanitize(&text)
}
