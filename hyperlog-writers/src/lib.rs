#![doc = include_str!("../README.md")]
// Bytes of peers and disks are read here: no index into them may panic.
#![warn(clippy::indexing_slicing)]

mod admission;
mod channel;
mod cut;
mod error;
mod granting;
mod key;
mod ledger;
mod members;
mod records;
mod refused;
mod role;
mod rules;
mod value;

pub use channel::Channel;
pub use error::{Error, FoundError};
pub use granting::{Keep, Revoked};
pub use key::{ChannelKey, ParseKeyError};
pub use members::{Grant, Member, State};
pub use refused::{DEPTH_MAX, NotAuthorized, Refused};
pub use role::Role;
pub use rules::{KIND, Writers};
pub use value::{Genesis, KEEP_MAX, NAME_BYTES_MAX};

// What a user of this crate meets of the crates below.
#[cfg(feature = "disk")]
pub use hyperlog::disk;
pub use hyperlog::{
    Binary, Hyperlog, Identity, Json, Memory, NodeId, OpenError, Options, Postcard, Utf8, WriterId,
};
