//! What can go wrong with a map.

use hyperlog::{EncodingError, NodeId};

use crate::op::KEY_BYTES_MAX;

/// Why a map could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key cannot be one.
    #[error("a key has 1 to {KEY_BYTES_MAX} bytes, this one has {len}: shorten or hash it")]
    Key {
        /// Its length in bytes.
        len: usize,
    },
    /// A value that does not encode.
    #[error("the value has no such encoding")]
    Encoding(#[from] EncodingError),
    /// A version that names what is not here.
    #[error("the version names node {id}, which is not in this log: sync with who made it")]
    UnknownVersion {
        /// Which node.
        id: NodeId,
    },
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] hyperlog::OpenError),
    /// What the log says: a link that leads nowhere, too many links, a policy that refuses.
    #[error(transparent)]
    Log(#[from] hyperlog::Error),
    /// What the view says.
    #[error(transparent)]
    Index(#[from] hyperlog_index::Error),
    /// A row of the view is none that it wrote: [`reindex`](crate::HyperKv::reindex) builds it anew.
    #[error("the map holds a row that it did not write: index it anew")]
    Damaged,
}
