//! The layers around a stream, test by test; names are promises.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test, in helpers too")]

mod damage;
mod ends;
mod meeting;
mod script;
mod strangers;
mod streams;
mod syncs;
mod transport;
