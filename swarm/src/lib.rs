//! Finds the peers of a topic and keeps one connection to each.
