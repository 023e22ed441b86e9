#![doc = include_str!("../README.md")]
mod batch;
mod copy;
mod error;
#[cfg(feature = "fjall")]
mod fjall;
mod key_range;
mod memory;
mod rules;
mod sub;
#[cfg(feature = "testing")]
pub mod testing;
mod traits;
mod within;

pub use batch::Batch;
pub use copy::{Copied, copy};
pub use error::Error;
#[cfg(feature = "fjall")]
pub use fjall::{Fjall, FjallOptions, backup};
pub use key_range::KeyRange;
pub use memory::Memory;
pub use rules::{KEY_BYTES_MAX, NAME_BYTES_MAX, VALUE_BYTES_MAX};
pub use sub::Sub;
pub use traits::{Durability, Level, Order, Read, Row, Rows};
pub use within::within;
