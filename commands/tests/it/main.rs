//! The promises of the programs, kept by real processes on real files.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test stops at what is wrong, and looks at the files behind the back of the programs"
)]

mod adding;
mod channel;
mod copies;
mod damaged;
mod dice;
mod disk_full;
mod dupsh;
mod exchange;
mod hyperkv;
mod killed;
mod lines;
mod place;
mod reading;
mod refused;
mod replicate;
mod saga;
mod talk;
mod terminal;
