//! The handle on a swarm.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use replicate::Prover;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::address::is_host_and_port;
use crate::error::{DialError, JoinError};
use crate::event::{Event, Queue};
use crate::hub::{Hub, Inbox};
use crate::listen::{accept, listen};
use crate::meet::Me;
use crate::options::Options;
use crate::registry::Instance;

/// Sockets that were taken in and wait for the hub.
const CAME_WAITING: usize = 1;

/// What the LAN says and waits for the hub.
const FOUND_WAITING: usize = 16;

/// Finds the peers of a topic and keeps one connection to each, until it is left or dropped.
#[derive(Debug)]
pub struct Swarm {
    addresses: Vec<SocketAddr>,
    queue: Arc<Queue>,
    given: mpsc::Sender<String>,
    given_max: usize,
    /// The task leaves when this is dropped.
    stays: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Swarm {
    /// Begins: listens, announces, looks for others, dials. Needs a tokio runtime with I/O and time: it spawns tasks, which
    /// end when it is [left](Self::leave) or dropped.
    ///
    /// Only those who know `topic` get in. `discovery_key` is told to everybody in the local network, so it must not give
    /// the topic away.
    ///
    /// # Errors
    ///
    /// [`JoinError`] when there is no listening as wished, or an address is none. Nothing was begun then.
    pub async fn join(
        prover: Arc<dyn Prover>,
        topic: [u8; 32],
        discovery_key: [u8; 32],
        options: Options,
    ) -> Result<Self, JoinError> {
        let Options { listen: at, lan, connect, limits } = options;
        let limits = limits.within_reason();
        if let Some(address) = connect.iter().find(|address| !is_host_and_port(address)) {
            return Err(JoinError::NotAnAddress { address: address.clone() });
        }
        let (mut instance, mut seed, mut name) = (Instance::default(), [0; 8], [0; 8]);
        for random in [&mut instance[..], &mut seed, &mut name] {
            getrandom::fill(random).map_err(JoinError::Random)?;
        }
        let listeners = listen(&at)?;
        let addresses: Vec<_> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();

        let (came, inbox_came) = mpsc::channel(CAME_WAITING);
        let (given, inbox_given) = mpsc::channel(limits.given.max(1));
        let (found, inbox_found) = mpsc::channel(FOUND_WAITING);
        let (stays, inbox_leave) = oneshot::channel();
        let mut helpers = JoinSet::new();
        for listener in listeners {
            helpers.spawn(accept(listener, came.clone()));
        }
        let queue = Arc::new(Queue::new(limits.refused));
        #[cfg(feature = "lan")]
        let lan = if lan { look_around(&discovery_key, &addresses, &name, &queue) } else { None };
        #[cfg(feature = "lan")]
        if let Some(lan) = lan.clone() {
            helpers.spawn(async move { lan.hear(&found).await });
        }
        // Nobody looks around.
        #[cfg(not(feature = "lan"))]
        drop((lan, discovery_key, found));

        let (numbers, held) = (AtomicU64::new(0), Mutex::default());
        let me = Me { prover, topic, instance, numbers, held };
        let mut hub = Hub::new(Arc::new(me), limits, u64::from_le_bytes(seed), Arc::clone(&queue));
        for address in connect {
            hub.give(address);
        }
        let inbox = Inbox { came: inbox_came, given: inbox_given, found: inbox_found, leave: inbox_leave };
        let task = tokio::spawn(async move {
            hub.run(inbox).await;
            helpers.shutdown().await;
            #[cfg(feature = "lan")]
            if let Some(lan) = lan {
                lan.leave().await;
            }
        });
        Ok(Self { addresses, queue, given, given_max: limits.given, stays, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.clone()
    }

    /// Dials one more `HOST:PORT`, whenever it is not connected, as [`Options::connect`]. What is wrong with it is told by
    /// [`Event::Unreachable`].
    pub fn dial(&self, address: impl Into<String>) {
        if let Err(mpsc::error::TrySendError::Full(address)) = self.given.try_send(address.into()) {
            let error = DialError::TooManyAddresses { max: self.given_max };
            self.queue.unreachable(address, error, Duration::MAX);
        }
    }

    /// What happened; None when there will be nothing more, because the runtime ended it. Dropping the future loses nothing.
    ///
    /// Who does not call this loses no connection, but those who are connected wait, and take the places of others.
    pub async fn next(&mut self) -> Option<Event> {
        self.queue.next().await
    }

    /// Stops listening and announcing, and says goodbye to the local network, which takes a second at most. When it returns,
    /// ports are free again. Connections that were handed out stay with their owners; those that were not are closed.
    pub async fn leave(self) {
        let Self { stays, task, .. } = self;
        drop(stays);
        // It may have ended by itself.
        let _ = task.await;
    }
}

/// Announces this swarm in the local network and hears of others; says so when that cannot be.
#[cfg(feature = "lan")]
fn look_around(
    discovery_key: &[u8; 32],
    addresses: &[SocketAddr],
    name: &[u8],
    queue: &Queue,
) -> Option<Arc<crate::lan::Lan>> {
    match crate::lan::Lan::begin(discovery_key, addresses, name) {
        Ok(lan) => Some(Arc::new(lan)),
        Err(error) => {
            tracing::warn!(target: "swarm", "{error}");
            queue.no_lan(error);
            None
        }
    }
}
