#![doc = include_str!("../README.md")]
//!
//! # Design
//!
//! A node is a scuttleup entry whose `ext` says which nodes it links to: a set of at most 256 ids. Its
//! parents are its links, its writer's previous entry and the grant it acts under, if any; all are stored
//! before it is, so the local order is a topological order on every replica.
//!
//! - *Heads* are the nodes that no other node **links** to. That a writer wrote on after a node does not
//!   make it less of a head: only who links it has seen it.
//! - Content added twice is two nodes: ids cover the writer and the place, so nobody can pass another's
//!   words off as their own. Receiving a node twice stores it once.
//! - Adding costs what appending an entry costs, a lookup per link, and one small row for the heads.
//! - The same set of nodes gives the same heads on every replica.
//!
//! A [`Policy`] may refuse nodes and declare others void; this crate knows nothing of members or keys.

// Bytes of peers and disks are read here: no index into them may panic.
#![warn(clippy::indexing_slicing)]

mod adding;
mod changes;
mod encoding;
mod error;
mod events;
mod ext;
mod fingerprint;
mod fsck;
mod graph;
mod heads;
mod log;
mod node;
mod options;
mod policy;
mod replica;
#[cfg(feature = "testing")]
pub mod testing;

pub use adding::{Doc, Link};
pub use changes::Changes;
pub use encoding::{Binary, Encoding, EncodingError, Json, Postcard, Utf8};
pub use error::{Error, NodeRefused, refused};
pub use events::Event;
pub use ext::{Kind, LINKS_MAX};
pub use fingerprint::Fingerprint;
pub use log::Hyperlog;
pub use node::{Content, Node, NodeId};
pub use options::Options;
pub use policy::{Act, Acting, Asking, Effects, Named, Policy};

// What a user of this crate meets of the crates below.
pub use level::{Durability, Level, Memory};
#[cfg(feature = "disk")]
pub use scuttleup::disk;
pub use scuttleup::{
    AdmitError, BranchNo, Change, Checked, Clock, Error as LogError, Events, Evidence, ExportError, Exported,
    Fork, GroupError, Header, Identity, IdentityError, ImportCause, ImportError, Imported, Input, KeyError,
    Known, Limits, Malformed, Mark, MemorySidecar, News, OpenError, Opened, Place, Problem, Purpose, Read,
    Refusal, Rows, Seq, Sidecar, Stop, StoredRows, Tip, Topic, VALUE_BYTES_MAX, Vouched, Waiter, WriterId,
    hash,
};
