//! Histories that once went wrong, by what was wrong.
