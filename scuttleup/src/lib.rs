#![doc = include_str!("../README.md")]
//!
//! # Design
//!
//! A *writer* is an Ed25519 key with a chain of *entries*: each names the one before it (`prev`), so a
//! signature on one vouches for all before it. Entries of all writers stand in one *local order*, the
//! order in which this replica stored them; nothing is stored before what it names.
//!
//! - Entries are signed by the *run* (at most 256 entries or 1 MiB) and travel by the *group*, which is
//!   checked and stored whole. Every end of a branch is signed, on every replica.
//! - A writer that forks is kept with all its branches; [`Fork`] is found by itself and [`Evidence`]
//!   proves it to strangers.
//! - Own entries are synced before peers or live readers see them. A [`Sidecar`] beside the database
//!   notices when an old copy is put back, before a number is given out twice.
//! - Appending costs one hash of the value, one of a header of about 200 bytes, a signature per run
//!   (about 20 µs), and two rows. Concurrent appends share the wait for the disk.
//! - Memory: about 200 bytes a branch, and what readers fetch ahead ([`Limits`]).
//!
//! The layers above extend an entry through its `ext` bytes and an [`Extension`] that takes part in each
//! commit. The log starts no thread and reads no clock and no file: see [`Options`].

// Bytes of peers and disks are read here: no index into them may panic.
#![warn(clippy::indexing_slicing)]

mod chains;
mod clock;
#[cfg(feature = "disk")]
pub mod disk;
mod entry;
mod error;
mod events;
mod extension;
mod fork;
mod fsck;
mod group;
mod hash;
mod header;
mod identity;
mod ids;
mod input;
mod limits;
mod log;
mod reader;
mod replica;
mod rows;
mod sidecar;
mod store;
mod stream;
mod waiter;

pub use chains::Tip;
pub use clock::Clock;
pub use entry::{BranchNo, Entry, Lineage, Place, Value};
pub use error::{AdmitError, Error, FillError, GroupError, OpenError, Refusal};
pub use events::{Bus, Events, News};
pub use extension::{Candidate, Committed, Extension, Known, Plain};
pub use fork::{Evidence, Fork, Vouched};
pub use fsck::{Checked, Problem};
pub use group::{Group, Near, Verified, put_reference, take_reference};
pub use hash::{Purpose, hash};
pub use header::{EXT_BYTES_MAX, Header, UNIT_BYTES, VALUE_BYTES_MAX};
pub use identity::{Identity, IdentityError, verify};
pub use ids::{Change, EntryId, KeyError, ParseIdError, ParseWriterError, Seq, Topic, WriterId};
pub use input::{Input, Malformed, put_varint};
pub use limits::Limits;
pub use log::{Appended, Durability, Event, Ingested, Log, Opened, Options, Transaction};
pub use reader::{Read, Reader, Stop};
#[cfg(feature = "testing")]
pub use replica::Defect;
pub use replica::LogExchange;
pub use rows::{Rows, StoredRows};
pub use sidecar::{Mark, MemorySidecar, Sidecar};
pub use store::topic_of;
pub use stream::{ExportError, Exported, ImportCause, ImportError, Imported};
pub use waiter::Waiter;
