//! The behaviour of hyperlog, test by test; names are promises.

mod smoke;
