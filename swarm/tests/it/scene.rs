//! What tests need to set a scene.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use scuttleup::Identity;
use swarm::{Connection, DialError, Event, Limits, Options, Refusal, Swarm};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

pub(crate) const TOPIC: [u8; 32] = [0x70; 32];
pub(crate) const DISCOVERY_KEY: [u8; 32] = [0xd1; 32];

/// Longer than anything takes on a busy machine, and shorter than for ever.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Only this machine, and nobody who is not named.
pub(crate) fn local() -> Options {
    Options::default().listen(["127.0.0.1:0".parse().unwrap()]).lan(false)
}

/// Soon again.
pub(crate) fn impatient() -> Limits {
    let mut limits = Limits::default();
    limits.redial_first = Duration::from_millis(20);
    limits.redial_max = Duration::from_millis(200);
    limits
}

pub(crate) fn identity(seed: u8) -> Identity {
    Identity::from_seed(&[seed; 32])
}

pub(crate) async fn join(seed: u8, options: Options) -> Swarm {
    Swarm::join(Arc::new(identity(seed)), TOPIC, DISCOVERY_KEY, options).await.unwrap()
}

pub(crate) fn address(swarm: &Swarm) -> SocketAddr {
    swarm.addresses()[0]
}

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(SOON, future).await.unwrap_or_else(|_| panic!("{what}: not within {SOON:?}"))
}

/// The next connection; other events are passed over.
pub(crate) async fn connected(swarm: &mut Swarm) -> Connection {
    soon("a connection", async {
        loop {
            match swarm.next().await {
                Some(Event::Connected(connection)) => return connection,
                Some(_) => {}
                None => panic!("the swarm ended"),
            }
        }
    })
    .await
}

/// The next who is refused.
pub(crate) async fn refused(swarm: &mut Swarm) -> Refusal {
    soon("a refusal", async {
        loop {
            match swarm.next().await {
                Some(Event::Refused { why, .. }) => return why,
                Some(Event::Connected(_)) => panic!("it got in"),
                Some(_) => {}
                None => panic!("the swarm ended"),
            }
        }
    })
    .await
}

/// The next address that cannot be reached.
pub(crate) async fn unreachable(swarm: &mut Swarm) -> (DialError, Duration) {
    soon("an address that cannot be reached", async {
        loop {
            match swarm.next().await {
                Some(Event::Unreachable { error, again_in, .. }) => return (error, again_in),
                Some(Event::Connected(_)) => panic!("it was reached"),
                Some(_) => {}
                None => panic!("the swarm ended"),
            }
        }
    })
    .await
}

/// Nothing is told for so long.
pub(crate) async fn silence(swarm: &mut Swarm, long: Duration) {
    if let Ok(event) = timeout(long, swarm.next()).await {
        panic!("something happened: {event:?}");
    }
}

pub(crate) async fn say(connection: &mut Connection, word: &[u8; 5]) -> std::io::Result<()> {
    connection.secured.stream.write_all(word).await?;
    connection.secured.stream.flush().await
}

pub(crate) async fn hear(connection: &mut Connection) -> std::io::Result<[u8; 5]> {
    let mut word = [0; 5];
    connection.secured.stream.read_exact(&mut word).await?;
    Ok(word)
}

/// Whether these two are the ends of one connection that works both ways.
pub(crate) async fn are_one(a: &mut Connection, b: &mut Connection) -> bool {
    let talk = async {
        say(a, b"hello").await.ok()?;
        say(b, b"howdy").await.ok()?;
        Some((hear(b).await.ok()?, hear(a).await.ok()?))
    };
    timeout(Duration::from_secs(2), talk).await.ok().flatten() == Some((*b"hello", *b"howdy"))
}
