//! The handshake, and what two swarms say to each other after it: 24 bytes, encrypted, from each at once.
//!
//! ```text
//! instance (16)    random, one for each run of a swarm
//! number (8)       of the connection among those of its dialler, big-endian; of the other end, anything
//! ```
//!
//! By these both ends decide alike which of several connections stays. What comes behind them is the application's.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use replicate::Prover;
use replicate::noise::{NoiseError, Secured, secure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::error::{DialError, Refusal};
use crate::gate::Id;
use crate::link::Link;
use crate::registry::{Instance, Terms};

const INSTANCE_BYTES: usize = size_of::<Instance>();
const WORDS_BYTES: usize = INSTANCE_BYTES + size_of::<u64>();

/// This end of all connections.
pub(crate) struct Me {
    pub(crate) prover: Arc<dyn Prover>,
    pub(crate) topic: [u8; 32],
    pub(crate) instance: Instance,
    /// The last number that was given to a stream.
    pub(crate) numbers: AtomicU64,
}

impl Me {
    /// The number of the next stream, greater than all before.
    pub(crate) fn next(&self) -> Id {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
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
    number: Id,
    dialed: bool,
    within: Duration,
) -> Result<(Secured<Link>, Terms), Failure> {
    let meeting = async {
        let mut secured = secure(link, &*me.prover, &me.topic).await.map_err(Failure::Noise)?;
        let (instance, theirs) = swap(&mut secured, me, number).await.map_err(Failure::BrokeOff)?;
        let number = if dialed { number } else { theirs };
        Ok((secured, Terms { dialed, number, instance }))
    };
    timeout(within, meeting).await.unwrap_or(Err(Failure::TooSlow(within)))
}

async fn swap(secured: &mut Secured<Link>, me: &Me, number: Id) -> io::Result<(Instance, u64)> {
    let stream = &mut secured.stream;
    // So little fits into the buffers of any socket: nobody waits for the other to read.
    stream.write_all(&[&me.instance[..], &number.to_be_bytes()].concat()).await?;
    stream.flush().await?;
    let mut words = [0; WORDS_BYTES];
    stream.read_exact(&mut words).await?;
    let (mut instance, mut number) = (Instance::default(), [0; size_of::<u64>()]);
    let (first, last) = words.split_at(INSTANCE_BYTES);
    instance.copy_from_slice(first);
    number.copy_from_slice(last);
    Ok((instance, u64::from_be_bytes(number)))
}
