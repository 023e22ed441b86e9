//! The behaviour of the map, test by test.
