#![doc = include_str!("../README.md")]
//!
//! # Design
//!
//! An [`Index`] holds a [`View`] and its rows, and the place in the log up to which they were made. To catch up is to
//! read the nodes behind that place in local order, a few thousand at a time, map each, and commit the rows together
//! with the new place. So:
//!
//! - each node is mapped exactly once, also when the process is killed between any two instructions;
//! - a batch of nodes costs one commit, and a view that writes the same row for many nodes writes it once;
//! - reading waits for what is new and nothing else; an idle view costs nothing, and not to read is to pause.
//!
//! Rows are built anew, by themselves, when they were made by another version of the view, when they are gone, when
//! their place is none of this log, and when the log's [epoch](hyperlog::Hyperlog::epoch) has changed: nodes were
//! voided or restored by a policy, or values came or went. Void nodes are not mapped. That costs O(nodes), and
//! such changes are rare; views that can undo a node could do better one day.
//!
//! A node that cannot be mapped (its value does not decode, the view refuses it, the view panics) is left out and
//! recorded, or stops the view: [`OnFault`]. An error of the store is neither: the node is mapped later.

// Bytes of peers and disks are read here: no index into them may panic.
#![warn(clippy::indexing_slicing)]

mod catch_up;
mod error;
mod fold;
mod index;
mod keys;
mod layout;
mod limits;
mod mapper;
mod merge;
mod rows;
#[cfg(feature = "testing")]
pub mod testing;
mod view;
mod warm;

pub use catch_up::{Progress, Rebuild};
pub use error::Error;
pub use fold::Fold;
pub use index::{Index, Snapshot};
pub use keys::{Keys, words};
pub use layout::Skipped;
pub use limits::Limits;
pub use rows::{ROW_KEY_BYTES_MAX, Rows};
pub use view::{MapError, OnFault, ValueOf, View};
pub use warm::Warm;
