#![doc = include_str!("../README.md")]
//!
//! # Design
//!
//! A write is a node whose value names a key and a value, and whose links name the writes of that key which its author
//! had before it. The current values of a key are the writes that no other write of it links to. So a writer who
//! has seen several values and writes again supersedes them all; two who do not know of each other leave two
//! values; and nobody ever decides for them. Neither the writer's own chain nor links to other keys count as
//! having seen anything.
//!
//! The current values lie in a [view](Registers), which is built from the log alone: a `get` is one point read. History is
//! in the log, and is found by following links: nothing is kept twice for it. A state of the map is named by the ends of
//! all writers' logs, a [`Version`].
//!
//! What is not an operation, or not yet here, or void by the verdict of a policy, changes nothing, on every replica alike.
//! A value that is not of the type that was asked for is shown as such, beside the others.

// Bytes of peers and disks are read here: no index into them may panic.
#![warn(clippy::indexing_slicing)]

mod error;
mod history;
mod kv;
mod list;
mod op;
mod past;
mod register;
mod replica;
mod select;
mod values;
mod version;
mod view;
mod watch;

pub use error::Error;
pub use history::{History, Writes, Written};
pub use kv::{HyperKv, Write};
pub use list::Entry;
pub use op::KEY_BYTES_MAX;
pub use past::{Difference, Differences, Past};
pub use select::Select;
pub use values::{VALUES_BYTES_MAX, VALUES_MAX, Value, Values, What};
pub use version::{Moment, ParseVersionError, Version};
pub use view::Registers;
pub use watch::{Changed, Live, Watch};

// What a user of this crate meets of the crates below.
#[cfg(feature = "disk")]
pub use hyperlog::disk;
pub use hyperlog::{Change, Identity, Json, Memory, NodeId, Postcard, Read, Utf8};
