//! One test binary for the crate.

mod place;

mod exactly_once;
mod order;
mod people;
mod workshop;
