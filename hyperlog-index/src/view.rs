//! What a view is: a name, a version, and what it does with a node.

use std::error::Error as StdError;
use std::sync::Arc;

use hyperlog::{Encoding, Node};

use crate::rows::Rows;

/// Why a view cannot take a node. Anything that is an error becomes one with `?`.
pub type MapError = Box<dyn StdError + Send + Sync>;

/// The values that a view reads.
pub type ValueOf<V> = <<V as View>::Encoding as Encoding>::Value;

/// What rows are made of the nodes of a log. [`Index`](crate::Index) keeps them up to date.
///
/// The rows must be a function of the graph, and not of the order in which nodes that do not know of each other came:
/// that differs from replica to replica. Keep ids, not local numbers, in what peers should agree on.
/// [`testing::Orders`](crate::testing::Orders) looks whether it is so.
pub trait View: Send + Sync + 'static {
    /// How values are read. [`Binary`](hyperlog::Binary) takes every value as it is.
    type Encoding: Encoding;

    /// Names the sub-level of the rows: 1 to 58 bytes of `a-z 0-9 . _ / -`.
    fn name(&self) -> &str;

    /// Changes whenever [`map`](Self::map) or [`on_fault`](Self::on_fault) does: rows of another version are thrown away and
    /// built anew.
    fn version(&self) -> u32;

    /// Takes in one node: reads and writes rows. Called for every node of data that counts, exactly once, after all that it
    /// links to; what a policy writes for itself is passed over. What the view writes becomes real together with that it was called, or not at all.
    ///
    /// It must not read the [`Index`](crate::Index) that it is called from: that waits for it.
    ///
    /// A node can come without its value (deleted, or not here yet): then [`Node::value`] is none. When the value
    /// comes or goes later, the view is built anew.
    ///
    /// # Errors
    ///
    /// That this view cannot take this node; what it wrote for it is dropped, and [`on_fault`](Self::on_fault) says
    /// how to go on. A panic and a value that does not decode are handled alike. What the store says is no fault of the
    /// node: pass it on, and the node is mapped again later.
    fn map(&self, node: &Node<ValueOf<Self>>, rows: &mut Rows<'_>) -> Result<(), MapError>;

    /// What becomes of a node that cannot be mapped. Default: [`OnFault::Skip`], since anybody who may write can write
    /// anything, and must not be able to end the view of everybody else.
    fn on_fault(&self) -> OnFault {
        OnFault::Skip
    }
}

/// How a view goes on after a node that it cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFault {
    /// Leave the node out, and keep it in the list of [`skipped`](crate::Index::skipped) nodes.
    Skip,
    /// Stay before the node: reads fail with the reason. Each tries again, and so does another version of the view.
    Stop,
}

/// A pointer to a view is one.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<V: View + ?Sized> View for $pointer {
            type Encoding = V::Encoding;

            fn name(&self) -> &str {
                (**self).name()
            }
            fn version(&self) -> u32 {
                (**self).version()
            }
            fn map(&self, node: &Node<ValueOf<V>>, rows: &mut Rows<'_>) -> Result<(), MapError> {
                (**self).map(node, rows)
            }
            fn on_fault(&self) -> OnFault {
                (**self).on_fault()
            }
        }
    )*};
}
forward!(Arc<V>, Box<V>);
