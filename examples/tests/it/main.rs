//! The examples, run.
#![expect(clippy::unwrap_used, reason = "a test stops at what is wrong")]

mod git_graph;
mod git_sync;
mod orders;
mod workshop;
