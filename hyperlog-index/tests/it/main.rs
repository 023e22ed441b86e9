//! The behaviour of views, test by test; names are promises, and numbers such as HI-7 name the behaviour of the
//! original that a test keeps, or amends.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at what is wrong")]

mod concurrent;
mod crashes;
mod faults;
mod keeping_up;
mod killed;
mod order;
mod originals;
mod random;
mod ready_made;
mod rebuilding;
mod reset_under_readers;
mod rows;
mod standing;
mod store_faults;
mod support;
mod unkind;
mod views;
