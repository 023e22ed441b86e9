//! The behaviour of scuttleup, test by test; names are promises.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test, in helpers too")]

mod appending;
mod concurrent;
mod crashes;
mod disk;
mod exports;
mod extension;
mod forks;
mod format;
mod fsck;
mod groups;
mod reading;
mod replica;
mod support;
mod threads;
mod topics;
mod values;
mod waiter;
