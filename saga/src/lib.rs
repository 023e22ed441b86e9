#![doc = include_str!("../README.md")]
//!
//! # Design
//!
//! Everything that is said is a node of a channel's log, a put of a JSON value into the map over it. What is shown is a view:
//! delete it and it is built again. Only three things are local and no view: how far each subscriber was told, when things came
//! here, and, where a storage has no other place for it, the local key.
//!
//! - A message links the messages that no other links to. Its *height* is one more than the highest it has seen; all peers with
//!   the same messages show them by height, then by id.
//! - Names and times are claims. Keys are proven: by the signature of each node, and by the handshake of each connection.
//! - Nothing of this chat is said to who does not know the channel's key.
//! - What others write is sanitized where it enters the view, so that it cannot be forgotten where it is shown.
// Bytes of peers and disks are read here: no index into them may panic.
#![warn(clippy::indexing_slicing)]

mod clock;
mod connect;
mod door;
mod error;
mod event;
mod feed;
mod fingerprint;
#[cfg(feature = "net")]
mod net;
mod newcomers;
mod open;
mod people;
mod post;
mod saga;
mod sanitize;
mod sessions;
mod talk;
mod view;

pub use clock::{WallClock, system_clock};
pub use connect::ConnectError;
pub use door::{Door, JoinRequest, ParseDoorError};
pub use error::Error;
pub use event::{Event, Events};
pub use feed::{Feed, SUBSCRIBER_BYTES_MAX};
pub use fingerprint::{fingerprint, signed_name};
pub use open::Options;
pub use people::{LEAVE_AFTER, Person, User};
pub use post::{Message, Operation, Position, Post, TEXT_BYTES_MAX};
pub use saga::Saga;
pub use sanitize::{NAME_CHARS_MAX, SEPARATOR, sanitize, sanitize_name};

// What a user of this crate meets of the crates below.
pub use hyperlog::{News, NodeId, Stop, Waiter};
#[cfg(feature = "disk")]
pub use hyperlog_writers::disk;
pub use hyperlog_writers::{ChannelKey, Identity, Memory, NotAuthorized, ParseKeyError, Role, WriterId};
#[cfg(feature = "net")]
pub use swarm;
