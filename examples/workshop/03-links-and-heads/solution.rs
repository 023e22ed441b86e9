//! Links and heads: a log that is a graph.

use hyperlog::{Hyperlog, Node, NodeId, Read, Utf8};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Adds a node with `value` that links to `links`.
pub fn add(log: &Hyperlog<Utf8>, links: &[NodeId], value: &str) -> Result<Node<String>> {
    Ok(log.add(links, value)?)
}

/// All nodes of the log, each after those it links to.
pub fn list(log: &Hyperlog<Utf8>) -> Result<Vec<Node<String>>> {
    log.changes(Read::all()).map(|node| Ok(node?)).collect()
}

/// Adds two nodes, both linked to `from`, as if two people had written at once. Returns the heads after that.
pub fn fork(log: &Hyperlog<Utf8>, from: NodeId, one: &str, other: &str) -> Result<Vec<NodeId>> {
    log.add(&[from], one)?;
    log.add(&[from], other)?;
    Ok(log.heads()?)
}

/// Adds a node that joins all heads.
pub fn merge(log: &Hyperlog<Utf8>, value: &str) -> Result<Node<String>> {
    Ok(log.append(value)?)
}
