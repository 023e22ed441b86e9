#![doc = include_str!("../README.md")]
//! # Design
//!
//! ## Model
//!
//! A level is a map from names to ordered maps of bytes, and a history of batches. [`Read`] looks at one moment
//! of it, [`Level`] adds batches to it. A [`Sub`] stands for a name, so that an operation costs no look-up of one.
//! That is all: no column options, no merge operators, no iterator that can be moved. What is missing can be
//! built above, and every backend stays small enough to be checked by one suite, `testing::conformance`.
//!
//! ## Invariants
//!
//! - Readers see batches whole, and in order. A range and a snapshot show the moment they were asked for.
//! - After a crash the level holds a prefix of the batches: all that were [`Synced`](Durability::Synced), and
//!   maybe some of those after.
//! - A refused batch ([`Error::Key`], [`Error::Value`], [`Error::UnknownSub`]) changes nothing. A batch that failed
//!   for another reason stops all writing until the level is opened again.
//! - Creating and removing sub-levels are not batches: they are durable when they return, a removal after
//!   everything that came before it.
//! - A [`Sub`] is never given out twice in a process.
//! - Nothing panics at what is on the disk.
//!
//! ## Costs
//!
//! [`Memory`] is a persistent B-tree: O(log n) for a row, O(1) for a snapshot. `Fjall` is a log-structured merge
//! tree. On two cores of a small virtual server with a fast disk, with entries of three rows and 300 bytes in batches
//! of 100 (`cargo run --release -p level --features fjall --example measure`):
//!
//! | entries   | memtables | written   | memory at most | got, at random | opened in |
//! |-----------|-----------|-----------|----------------|----------------|-----------|
//! | 1,000     | 4 MiB     | 466,000/s | 4 MiB          | 3,400,000/s    | 4 ms      |
//! | 100,000   | 4 MiB     | 265,000/s | 53 MiB         | 649,000/s      | 310 ms    |
//! | 1,000,000 | 4 MiB     | 184,000/s | 88 MiB         | 215,000/s      | 240 ms    |
//! | 1,000,000 | 8 MiB     | 180,000/s | 112 MiB        | 214,000/s      | 750 ms    |
//! | 1,000,000 | 64 MiB    | 165,000/s | 503 MiB        | 191,000/s      | 1,260 ms  |
//!
//! That is why 4 MiB is the default. The figures are with a cache of 16 MiB; the default of 32 makes gets at random a
//! quarter faster at a million entries, one of 8 fifteen times slower, since whole filter blocks must fit. A synced
//! batch takes 0.1 ms there, of which nearly all is the disk: on a disk that honestly forgets nothing it may be 10 ms.
//! Making a database takes 5 ms, a sub-level 3 ms.
//!
//! A database with three empty sub-levels takes 116 KiB of disk and 4 MiB of memory. The journal of a small one grows with what is written;
//! past 64 MB it begins a new one, which *seems* to take 64 MiB until the database is opened again, but is a hole.
//!
//! ## The disk
//!
//! `Fjall` is more than a wrapper, since the engine (3.1) falls short of the promises above in a few places. The
//! code says at each what it does about it:
//!
//! - Its snapshots can show half a batch while it writes tables: they are only taken between two batches.
//! - A sub-level that is created after a removal and a reopening can be lost: numbers are kept from being used again.
//! - It takes a flipped bit in the journal for a torn end, and drops what follows without a word: the journal is
//!   read before. What follows no whole batch is cut, as a crash leaves it; anything else is [`Error::Corrupt`].
//! - A page of the journal that a power cut kept from the disk can keep the database from opening: it is cut off there,
//!   and what is cut off is kept, see `Fjall::torn`.
//! - Making a database is not atomic: it is made under another name and renamed.
//! - It panics at keys and files that it does not expect: they are checked before.

// Bytes of peers and disks are read here: no index into them may panic.
#![warn(clippy::indexing_slicing)]

mod batch;
mod copy;
mod error;
#[cfg(feature = "fjall")]
mod fjall;
mod key_range;
mod memory;
mod rules;
mod sub;
#[cfg(feature = "testing")]
pub mod testing;
mod traits;
mod within;

pub use batch::Batch;
pub use copy::{Copied, copy};
pub use error::Error;
#[cfg(feature = "fjall")]
pub use fjall::{Fjall, FjallOptions, backup};
pub use key_range::KeyRange;
pub use memory::Memory;
pub use rules::{KEY_BYTES_MAX, NAME_BYTES_MAX, VALUE_BYTES_MAX};
pub use sub::Sub;
pub use traits::{Durability, Level, Order, Read, Row, Rows};
pub use within::within;
