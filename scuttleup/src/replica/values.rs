//! Values that are not here yet.

use replicate::Key;

use super::LogExchange;
use crate::entry::Value;
use crate::error::Error;

impl LogExchange {
    /// What comes later stands behind what was asked for, so a place in the local order is all there is to
    /// remember. What is wanted again stands where it was; the next session asks for it.
    pub(super) fn want(&mut self, max: usize) -> Result<Vec<Key>, Error> {
        let Self { log, ours, asked, .. } = self;
        let mut wanted = Vec::new();
        for change in log.inner.store.pending_after(*asked) {
            if wanted.len() >= max {
                break;
            }
            let change = change?;
            let entry = log.present(change)?;
            *asked = change;
            if entry.value == Value::Pending && ours.takes(entry.writer().as_bytes()) {
                wanted.push(*entry.id().as_bytes());
            }
        }
        Ok(wanted)
    }
}
