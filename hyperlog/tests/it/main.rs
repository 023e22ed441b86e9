//! The behaviour of hyperlog, test by test; names are promises, and numbers such as HL-7 name the behaviour
//! of the original that a test keeps, or amends.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at what is wrong")]

mod acts;
mod adding;
mod concurrent;
mod crashes;
mod dag;
mod events;
mod forks;
mod golden;
mod hostile;
mod merging;
mod model;
mod policy;
mod reading;
mod replica;
mod rogue;
mod scale;
mod seams;
mod support;
mod sync;
mod values;
