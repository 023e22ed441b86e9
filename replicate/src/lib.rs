#![doc = include_str!("../README.md")]

// Bytes of peers are read here: no index into them may panic.
#![warn(clippy::indexing_slicing)]

mod point;
mod replica;

pub use point::{Key, PREFIX_BYTES, Point, Tip, prefix};
pub use replica::{
    About, Decoder, Exchange, Fork, Ingested, News, Outgoing, Replica, ReplicaError, Wants,
};
