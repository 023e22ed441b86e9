//! Links and heads: a log that is a graph.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

use hyperlog::{Hyperlog, Node, NodeId, Read, Utf8};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Adds a node with `value` that links to `links`.
pub fn add(log: &Hyperlog<Utf8>, links: &[NodeId], value: &str) -> Result<Node<String>> {
    // 1. Add it to the log, which gives back the node with its id.
    todo!("1: add a node with links")
}

/// All nodes of the log, each after those it links to.
pub fn list(log: &Hyperlog<Utf8>) -> Result<Vec<Node<String>>> {
    // 2. Read all changes.
    todo!("2: list all nodes")
}

/// Adds two nodes, both linked to `from`, as if two people had written at once. Returns the heads after that.
pub fn fork(log: &Hyperlog<Utf8>, from: NodeId, one: &str, other: &str) -> Result<Vec<NodeId>> {
    // 3. Add the two nodes, then ask for the nodes that no other node links to.
    todo!("3: fork the graph")
}

/// Adds a node that joins all heads.
pub fn merge(log: &Hyperlog<Utf8>, value: &str) -> Result<Node<String>> {
    // 4. There is a call that adds a node and links it to all heads.
    todo!("4: merge the fork")
}
