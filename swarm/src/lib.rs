#![doc = include_str!("../README.md")]
//!
//! # Design
//!
//! One task decides everything ([`Swarm`] is the handle on it); sockets are waited for in others, each bounded in time.
//! What is decided is apart from that and pure: who may come in, who stays, when whom to dial.
//!
//! - Before somebody has shown that it knows the topic, it costs a socket and a few kilobytes, and learns nothing. One more
//!   that comes ends the oldest handshake, so silence keeps nobody out.
//! - Of several connections to a key both ends keep the same one, whatever comes first on either: after the handshake each
//!   says 24 bytes, a random number of this run and the number of the connection. The one stays that the smaller key
//!   dialled; of one dialler, the newer, unless it had another one when it dialled; of an end that was restarted, the newer.
//! - Every queue and list that somebody else can influence has a bound in [`Limits`].
// Bytes of strangers are read here: no index into them may panic.
#![warn(clippy::indexing_slicing)]

mod address;
mod dials;
mod error;
mod event;
#[cfg_attr(not(feature = "lan"), expect(dead_code, reason = "nobody looks around"))]
mod found;
mod gate;
mod hub;
#[cfg(feature = "lan")]
mod lan;
mod link;
mod listen;
mod meet;
mod options;
mod reach;
mod registry;
mod swarm;

pub use error::{DialError, JoinError, LanError, Refusal};
pub use event::{Connection, Event};
pub use link::Link;
pub use options::{Limits, Options};
pub use swarm::Swarm;
