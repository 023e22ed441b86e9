//! The behaviour of scuttleup, test by test; names are promises.

mod smoke;
