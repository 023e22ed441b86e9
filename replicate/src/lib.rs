#![doc = include_str!("../README.md")]
//!
//! # Design
//!
//! Four layers, each usable without the one above: [`Session`], a state machine without I/O; [`Replica`], what a log
//! offers; [`Frames`], messages as bytes; and a driver (`tokio`), which is thin.
//!
//! - Nobody asks for entries. Both say where their branches end, each works out what the other lacks, and sends it,
//!   parents first. So there is no list of requests, no buffer for what came too early, and nothing to wait for that
//!   may never come.
//! - What a peer has is not remembered across sessions: it may have lost it.
//! - Every queue, list and loop that a peer can influence has a bound in [`Limits`].
//! - A log is called from the thread that calls the session, and may wait for its disk there. The driver lends the
//!   session to threads that may block.
//! - Costs: equal logs take one round trip and about 150 bytes each way; logs that differ, the entries that are
//!   lacking, 100 bytes for each tip that differs, and log16 of the number of tips rounds.
// Bytes of peers are read here: no index into them may panic.
#![warn(clippy::indexing_slicing)]

mod digest;
#[cfg(feature = "tokio")]
mod driver;
mod error;
mod face;
mod frame;
mod list;
mod message;
#[cfg(feature = "mux")]
pub mod mux;
#[cfg(feature = "noise")]
pub mod noise;
mod options;
mod point;
mod prover;
mod replica;
mod report;
mod search;
mod session;
#[cfg(any(feature = "noise", feature = "mux"))]
mod side;
#[cfg(feature = "sim")]
pub mod sim;

pub use digest::digest;
#[cfg(feature = "tokio")]
pub use driver::{Driver, Stdin, Stdout, Stop, run, stdio};
pub use error::{Cause, SyncError};
pub use face::{sync, sync_with};
#[cfg(feature = "tokio")]
pub use frame::WireError;
pub use frame::{
    AHEAD_BYTES, BODY_BYTES_MAX, FrameError, Frames, GROUP_BYTES_MAX, HEAD_BYTES, MAGIC, MAGIC_ENCRYPTED,
    VALUE_BYTES_MAX,
};
pub use list::List;
pub use message::{
    Ask, Bye, Hello, Last, Locate, Message, Named, REASON_BYTES_MAX, Range, Sample, Stored, Takes, Tips, What,
};
pub use options::{
    IDS_PER_ASK_MAX, Limits, METADATA_BYTES_MAX, Mode, Options, ParseModeError, WRITERS_NAMED_MAX,
};
pub use point::{Key, PREFIX_BYTES, Point, Tip, prefix};
pub use prover::{ProofError, Prover};
pub use replica::{
    About, Decoder, Exchange, Fork, Ingested, News, Outgoing, Replica, ReplicaError, Settled, Wants,
};
pub use report::{Difference, Event, Peer, Progress, Report};
pub use session::Session;
#[cfg(any(feature = "noise", feature = "mux"))]
pub use side::Side;
