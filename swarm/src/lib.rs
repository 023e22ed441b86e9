//! Finds the peers of a topic and keeps one connection to each.
#![expect(dead_code, reason = "the parts that do I/O come next")]

mod address;
mod dials;
mod gate;
mod link;
mod options;
mod registry;

pub use link::Link;
pub use options::{Limits, Options};
