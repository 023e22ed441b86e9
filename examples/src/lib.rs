//! What the examples share.

pub mod git;

/// The block of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
