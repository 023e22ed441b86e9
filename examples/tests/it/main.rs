//! The examples, run.

mod git_graph;
mod workshop;
