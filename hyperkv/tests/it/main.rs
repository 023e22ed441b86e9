//! The behaviour of the map, test by test; names are promises, and numbers such as HK-7 and HD-13 name the behaviour of
//! the originals that a test keeps, or amends.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at what is wrong")]

mod batches;
mod concurrent;
mod conflicts;
mod crashes;
mod damage;
mod deletes;
mod diff;
mod draw;
mod faults;
mod golden;
mod history;
mod hostile;
mod large;
mod listing;
mod live;
mod many;
mod model;
mod orders;
mod past;
mod random;
mod sharing;
mod standing;
mod support;
mod watch;
mod writing;
