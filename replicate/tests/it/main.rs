//! The behaviour of replicate, test by test; names are promises.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test, in helpers too")]

mod allocation;
mod deadlines;
mod dice;
#[cfg(feature = "tokio")]
mod driver;
mod events;
mod frames;
mod hostile;
mod interleavings;
mod modes;
mod search;
mod sessions;
mod talk;
mod toy;
