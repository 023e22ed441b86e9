//! The handshake, and what two swarms say to each other after it: 24 bytes, encrypted, from each at once.
//!
//! ```text
//! instance (16)    random, one for each run of a swarm
//! number (8)       of the connection among those of its dialler, signed, big-endian; of the other end, anything
//! ```
//!
//! The dialler counts up, and gives the negative of its count when it has a connection to this key already.
//!
//! By these both ends decide alike which of several connections stays. What comes behind them is the application's.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use replicate::Prover;
use replicate::noise::{NoiseError, Secured, secure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::error::{DialError, Refusal};
use crate::gate::Id;
use crate::link::Link;
use crate::registry::{Instance, KeyBytes, Terms};

const INSTANCE_BYTES: usize = size_of::<Instance>();
const WORDS_BYTES: usize = INSTANCE_BYTES + size_of::<i64>();

/// This end of all connections.
pub(crate) struct Me {
    pub(crate) prover: Arc<dyn Prover>,
    pub(crate) topic: [u8; 32],
    pub(crate) instance: Instance,
    /// The last number that was given to a stream.
    pub(crate) numbers: AtomicU64,
    /// The keys to which there are connections now.
    pub(crate) held: Mutex<BTreeSet<KeyBytes>>,
}

impl Me {
    /// The number of the next stream, greater than all before.
    pub(crate) fn next(&self) -> Id {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The keys to which there are connections now.
    pub(crate) fn held(&self) -> MutexGuard<'_, BTreeSet<KeyBytes>> {
        // Nothing in here is left half done by a panic.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why two did not meet.
pub(crate) enum Failure {
    Noise(NoiseError),
    BrokeOff(io::Error),
    TooSlow(Duration),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Noise(error) => Self::Handshake(error),
            Failure::BrokeOff(error) => Self::BrokeOff(error),
            Failure::TooSlow(within) => Self::TooSlow { within },
        }
    }
}

impl From<Failure> for DialError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Noise(NoiseError::Myself) => Self::Itself,
            Failure::Noise(error) => Self::Handshake(error),
            Failure::BrokeOff(error) => Self::BrokeOff(error),
            Failure::TooSlow(within) => Self::TooSlow { within },
        }
    }
}

/// Secures a stream, within the time there is for that, and learns what decides whether it stays.
pub(crate) async fn meet(
    me: &Me,
    link: Link,
    id: Id,
    dialed: bool,
    within: Duration,
) -> Result<(Secured<Link>, Terms), Failure> {
    let meeting = async {
        let mut secured = secure(link, &*me.prover, &me.topic).await.map_err(Failure::Noise)?;
        let count = id.cast_signed();
        let number = if me.held().contains(&secured.peer) { -count } else { count };
        let (instance, theirs) = swap(&mut secured, me, number).await.map_err(Failure::BrokeOff)?;
        let number = if dialed { number } else { theirs };
        Ok((secured, Terms { dialed, number, instance }))
    };
    timeout(within, meeting).await.unwrap_or(Err(Failure::TooSlow(within)))
}

async fn swap(secured: &mut Secured<Link>, me: &Me, number: i64) -> io::Result<(Instance, i64)> {
    let stream = &mut secured.stream;
    // So little fits into the buffers of any socket: nobody waits for the other to read.
    stream.write_all(&[&me.instance[..], &number.to_be_bytes()].concat()).await?;
    stream.flush().await?;
    let mut words = [0; WORDS_BYTES];
    stream.read_exact(&mut words).await?;
    let (mut instance, mut number) = (Instance::default(), [0; size_of::<i64>()]);
    let (first, last) = words.split_at(INSTANCE_BYTES);
    instance.copy_from_slice(first);
    number.copy_from_slice(last);
    Ok((instance, i64::from_be_bytes(number)))
}
