//! The note beside the database by which a log sees that an old copy of it was put back.

use std::sync::{Mutex, PoisonError};

use crate::ids::{EntryId, Seq, WriterId};

/// The last own entry that was durable, and how many batches the store had then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Whose entry.
    pub writer: WriterId,
    /// Its number and id; none when the writer has not written yet.
    pub last: Option<(Seq, EntryId)>,
    /// Batches that were committed to the store until then.
    pub commits: u64,
}

/// A place for one [`Mark`], outside the database. It may lag behind the store, and must never lead:
/// it is written after the entries that it names are durable.
pub trait Sidecar: Send + Sync {
    /// The mark, or none when there never was one.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or what is there is no mark.
    fn load(&self) -> std::io::Result<Option<Mark>>;

    /// Replaces the mark; after a crash the old or the new one is there. With `sync` it survives a power cut.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn store(&self, mark: &Mark, sync: bool) -> std::io::Result<()>;
}

/// A sidecar that lives as long as the process: for logs in memory, and for tests.
#[derive(Debug, Default)]
pub struct MemorySidecar(Mutex<Option<Mark>>);

impl Sidecar for MemorySidecar {
    fn load(&self) -> std::io::Result<Option<Mark>> {
        Ok(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn store(&self, mark: &Mark, _sync: bool) -> std::io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(*mark);
        Ok(())
    }
}

impl<S: Sidecar + ?Sized> Sidecar for std::sync::Arc<S> {
    fn load(&self) -> std::io::Result<Option<Mark>> {
        (**self).load()
    }

    fn store(&self, mark: &Mark, sync: bool) -> std::io::Result<()> {
        (**self).store(mark, sync)
    }
}
