//! The behaviour of scuttleup, test by test; names are promises.

mod appending;
mod crashes;
mod disk;
mod exports;
mod forks;
mod format;
mod fsck;
mod groups;
mod reading;
mod support;
mod threads;
mod values;
