//! A hostile peer against the real log: whatever it sends, the session ends with a named error within its deadline,
//! nothing unverified is stored, and local writers go on. What it can make a session
//! allocate is measured in a program of its own, `peer_memory`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test, in helpers too")]

mod groups;
mod peer;
mod writers;

#[path = "../it/support.rs"]
#[expect(dead_code, reason = "shared with the other tests of this crate")]
mod support;
