//! What the examples share.
#![expect(clippy::disallowed_methods, reason = "an example may run programs and look at the clock")]

pub mod git;
