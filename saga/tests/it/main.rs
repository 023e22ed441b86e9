//! One test binary for the crate.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]

mod mallory;
mod place;

mod doors;
mod exactly_once;
mod hostile;
mod live;
mod members;
mod net;
mod order;
mod people;
mod workshop;
