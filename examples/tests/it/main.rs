//! The examples, run.

mod git_graph;
