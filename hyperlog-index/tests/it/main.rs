//! The behaviour of views, test by test.
