//! Authorized writers, as users meet them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at what is wrong")]

mod admission;
mod basic;
mod crashes;
#[cfg(unix)]
mod folders;
mod golden;
mod maps;
mod rogue;
mod rules;
mod scale;
mod support;
mod theft;
mod under;
