//! The behaviour of swarm, test by test; names are promises. Real sockets, on this machine only.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test, in helpers too")]

mod doubles;
mod ending;
mod hostile;
#[cfg(feature = "lan")]
mod lan;
mod meeting;
mod redial;
mod relay;
mod scene;
