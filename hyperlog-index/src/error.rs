//! What can go wrong with a view.

use hyperlog::{Change, NodeId};

use crate::view::MapError;

/// Why a view could not keep up, or could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The view cannot take a node, and wants to stop there.
    #[error("view {view} stopped before node {id}, number {change} of the local order")]
    Stopped {
        /// The view's name.
        view: String,
        /// The node's place in the local order.
        change: Change,
        /// Which node.
        id: NodeId,
        /// Why.
        source: MapError,
    },
    /// The store failed while a node was mapped; it is mapped again when the view is asked again.
    #[error("view {view} could not read its rows")]
    Interrupted {
        /// The view's name.
        view: String,
        /// What the store said, as the view passed it on.
        source: MapError,
    },
    /// What the log says.
    #[error(transparent)]
    Log(#[from] hyperlog::Error),
    /// What the store of the view says.
    #[error(transparent)]
    Store(#[from] level::Error),
    /// A row of the view is none that it wrote: [`reset`](crate::Index::reset) builds it anew.
    #[error("view {view} holds a row that it did not write: reset it")]
    Damaged {
        /// The view's name.
        view: String,
    },
}

/// A view that made do without what the store failed to give.
#[derive(Debug, thiserror::Error)]
#[error("the view passed over an error of the store")]
pub(crate) struct PassedOver;

/// A view that panicked.
#[derive(Debug, thiserror::Error)]
#[error("the view panicked: {0}")]
pub(crate) struct Panicked(pub(crate) String);
