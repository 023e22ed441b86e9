//! What a view may use of the machine.

/// The bounds of one commit of a view, each with its reason.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Nodes in one commit: enough that the commit itself costs little, few enough that a reader who shares the thread
    /// waits for milliseconds.
    pub nodes: usize,
    /// Bytes of values that are mapped in one commit, and of rows that it writes, which are in memory at once. One node may
    /// go over either.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { nodes: 4096, bytes: 4 << 20 }
    }
}

impl Limits {
    /// Others: at least one node, or nothing would ever be mapped.
    #[must_use]
    pub fn new(nodes: usize, bytes: usize) -> Self {
        Self { nodes: nodes.max(1), bytes }
    }
}
