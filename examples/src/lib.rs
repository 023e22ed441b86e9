//! What the examples share.
#![expect(clippy::disallowed_methods, reason = "an example may run programs and look at the clock")]

pub mod git;

/// The block of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
