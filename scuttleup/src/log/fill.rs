//! A value that had not come with its entry.

use bytes::Bytes;

use super::Log;
use crate::entry::Value;
use crate::error::FillError;
use crate::header::Header;
use crate::ids::EntryId;

impl Log {
    /// Takes the value of an entry that came without it, and says whether it was still missing: a value that is here
    /// stays, one that was deleted stays deleted, and one that is not wanted stays away. Synced as what is ingested; needs
    /// no signature, since the entry vouches for its value.
    ///
    /// # Errors
    ///
    /// [`FillError::Unknown`] and [`FillError::OtherValue`], whatever became of the value here; or what the store says.
    pub fn fill(&self, id: &EntryId, value: impl Into<Bytes>) -> Result<bool, FillError> {
        let value = value.into();
        let entry = self.get(id)?.ok_or(FillError::Unknown { id: *id })?;
        let header = entry.header();
        if value.len() != header.value_len as usize || Header::hash_value(&value) != header.value_hash {
            return Err(FillError::OtherValue { id: *id });
        }
        if !self.put_pending(entry.change(), value)? {
            return Ok(false);
        }
        self.inner.tell();
        self.inner.sync_if_due()?;
        Ok(true)
    }

    /// Looks while nobody writes: somebody else may have brought the value, or deleted it.
    fn put_pending(&self, change: crate::Change, value: Bytes) -> Result<bool, crate::Error> {
        let mut state = self.inner.state();
        state.check_writable()?;
        if self.present(change)?.value != Value::Pending {
            return Ok(false);
        }
        self.inner.write_drafts(&mut state)?;
        self.inner.write(&mut state, std::iter::empty(), vec![(change, Value::Here(value))], false)?;
        Ok(true)
    }
}
