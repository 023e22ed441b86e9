//! The promises that every level keeps, and levels that fail or crash on purpose.
//!
//! For tests only: of a backend, with [`conformance`]; of what stands on a level, with [`Failing`] and
//! [`Crashing`].

mod conformance;
mod crashing;
mod failing;

pub use conformance::{conformance, conformance_reopening};
pub use crashing::Crashing;
pub use failing::{Failing, Operation};
