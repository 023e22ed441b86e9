//! A program that does not ask who may write: it takes a channel for one without rules, and writes under a grant that
//! is somebody else's.

use hyperlog::{
    AdmitError, Asking, Effects, Known, LogError, Node, NodeId, Policy, Rows, StoredRows, WriterId,
};
use hyperlog_writers::KIND;

/// No rules at all: the grant that it writes under.
pub(crate) struct Lawless(pub(crate) NodeId);

impl Policy for Lawless {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn admit(&self, _: &Asking<'_>, _: &Known<'_>) -> Result<(), AdmitError> {
        Ok(())
    }

    fn store(&self, _: &[Node], _: &mut Rows<'_>) -> Result<Effects, LogError> {
        Ok(Effects::default())
    }

    fn cap(&self, _: WriterId, _: Option<NodeId>, _: &StoredRows) -> Result<Option<NodeId>, AdmitError> {
        Ok(Some(self.0))
    }
}
