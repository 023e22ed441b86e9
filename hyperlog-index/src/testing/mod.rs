//! Looks whether a view depends on what it must not depend on.

mod orders;

pub use orders::{OrderMatters, Orders};
