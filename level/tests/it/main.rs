//! The promises of `level`, kept by every backend.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test stops at what is wrong, and looks at the files behind the back of the level"
)]

mod atomic;
mod conforms;
mod crashes;
mod disk;
mod model;
mod scratch;
