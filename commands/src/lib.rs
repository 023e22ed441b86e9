//! What the programs share: how they are called, what they print, and how they fail.
//!
//! Data goes to stdout, talk to stderr; a failure is one line and a non-zero exit.

mod backup;
mod channel;
mod cli;
#[cfg(unix)]
pub mod dupsh;
mod error;
pub mod hyperkv;
pub mod hyperlog;
mod info;
mod lines;
mod progress;
pub mod saga;
pub mod scuttleup;
mod show;
mod sync;

pub use cli::Common;
