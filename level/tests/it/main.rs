//! The promises of `level`, kept by every backend.

mod conforms;
mod fjall_facts;
