//! A level on disk: one fjall database, one of its key spaces per sub-level.
#![expect(
    clippy::disallowed_methods,
    reason = "this module is a shell: it is handed a path and owns the files there"
)]

mod backup;
mod create;
mod errors;
mod journal;
mod open;
mod view;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use ::fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use bytes::Bytes;

pub use self::backup::backup;
use self::{
    errors::Failed,
    open::Opened,
    view::{Kept, View},
};
use crate::{
    Batch, Durability, Error, KeyRange, Level, Order, Read, Rows, Sub,
    rules::{check_batch, check_name},
};

/// How much memory and disk a [`Fjall`] may use. The [crate's docs](crate#costs) say what the defaults cost.
///
/// ```
/// # #[cfg(feature = "fjall")] {
/// let options = level::FjallOptions { cache_bytes: 1 << 20, ..Default::default() };
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FjallOptions {
    /// Memory for blocks that were read, in bytes, for the whole database.
    pub cache_bytes: u64,
    /// How large the newest rows of one sub-level may grow in memory, in bytes, before they are written out as
    /// a table. About two of them exist per sub-level that is written to. Fixed when a sub-level is created.
    pub memtable_bytes: u64,
    /// How large all journals together may grow, in bytes, before rarely written sub-levels are made to let go
    /// of them. At least 64 MiB. Opening replays them.
    pub journal_bytes: u64,
}

impl Default for FjallOptions {
    fn default() -> FjallOptions {
        const MIB: u64 = 1024 * 1024;
        FjallOptions { cache_bytes: 32 * MIB, memtable_bytes: 4 * MIB, journal_bytes: 128 * MIB }
    }
}

/// A level on disk.
///
/// Handles are cheap to clone, and share one database. Dropping the last one, with its snapshots and ranges,
/// makes durable what is not yet, and closes the database; call [`sync`](Level::sync) before to hear of errors.
#[derive(Clone)]
pub struct Fjall {
    shared: Arc<Shared>,
}

struct Shared {
    /// What readers see. Replaced, never changed, so readers hold the lock for a moment only.
    view: RwLock<Arc<View>>,
    /// Held by who changes anything. See `publish` for why.
    writer: Mutex<()>,
    db: Database,
    path: PathBuf,
    options: FjallOptions,
    torn: Option<PathBuf>,
}

impl Fjall {
    /// Opens the database at `path`, or makes one there, with its parent folders.
    ///
    /// Making is atomic: a killed or racing process leaves a whole database or none. An empty folder may be at
    /// `path` already.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] when it is open elsewhere, also by another handle of this process;
    /// [`Error::NotADatabase`], [`Error::Format`] and [`Error::Corrupt`] for what is there;
    /// [`Error::Full`] and [`Error::Io`] for what the disk does.
    pub fn open(path: impl AsRef<Path>) -> Result<Fjall, Error> {
        Fjall::with(path, FjallOptions::default())
    }

    /// Like [`open`](Fjall::open), with other limits.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Fjall::open).
    pub fn with(path: impl AsRef<Path>, options: FjallOptions) -> Result<Fjall, Error> {
        let path = create::at(path.as_ref(), &options)?;
        Fjall::of(open::database(&path, &options)?, &path, options)
    }

    fn of(Opened { db, torn }: Opened, path: &Path, options: FjallOptions) -> Result<Fjall, Error> {
        let path = path.to_owned();
        let mut names = BTreeMap::new();
        let mut keyspaces = BTreeMap::new();
        for name in db.list_keyspace_names().iter().filter(|name| !name.starts_with(PLACEHOLDER)) {
            let keyspace = db.keyspace(name, KeyspaceCreateOptions::default).failed("open", &path)?;
            let sub = Sub::fresh();
            names.insert(name.to_string(), sub);
            keyspaces.insert(sub, keyspace);
        }
        let view = View { names: Arc::new(names), keyspaces: Arc::new(keyspaces), snapshot: db.snapshot() };
        let view = RwLock::new(Arc::new(view));
        Ok(Fjall { shared: Arc::new(Shared { view, writer: Mutex::new(()), db, path, options, torn }) })
    }

    /// The folder of the database.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The file that keeps the end of the journal, if opening had to cut that off.
    ///
    /// A power cut may leave batches that were not synced in pieces. Most often the last is merely unfinished, and
    /// goes without a trace. If it contradicts itself, what comes after the last whole batch is moved to this file,
    /// which nothing reads: it is there for who wants to know.
    pub fn torn(&self) -> Option<&Path> {
        self.shared.torn.as_deref()
    }
}

impl fmt::Debug for Fjall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fjall").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl Shared {
    // Nothing panics while a lock is held, so a poisoned one says nothing about the state.
    fn view(&self) -> Arc<View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows readers what the database holds now.
    ///
    /// Why not a snapshot per reader: fjall raises the sequence number that a snapshot reads at when it flushes
    /// or compacts, and when a key space comes or goes, also while a batch is half inserted; such a snapshot
    /// would see a part of the batch, and more of it later. So snapshots are only taken here, by the one writer
    /// between two batches. It also makes the snapshot of a reader a reference count.
    fn publish(
        &self,
        _: &MutexGuard<'_, ()>,
        names: Arc<BTreeMap<String, Sub>>,
        keyspaces: Arc<BTreeMap<Sub, Keyspace>>,
    ) {
        let view = Arc::new(View { names, keyspaces, snapshot: self.db.snapshot() });
        let old = std::mem::replace(&mut *self.view.write().unwrap_or_else(PoisonError::into_inner), view);
        // Outside of the lock: the last reference to a removed key space deletes its folder.
        drop(old);
    }

    fn create(&self, writer: &MutexGuard<'_, ()>, name: &str) -> Result<Sub, Error> {
        let view = self.view();
        let keyspace = self.keyspace(name)?;
        let sub = Sub::fresh();
        let mut names = BTreeMap::clone(&view.names);
        let mut keyspaces = BTreeMap::clone(&view.keyspaces);
        names.insert(name.to_owned(), sub);
        keyspaces.insert(sub, keyspace);
        self.publish(writer, Arc::new(names), Arc::new(keyspaces));
        Ok(sub)
    }

    /// Makes a key space, durably.
    fn keyspace(&self, name: &str) -> Result<Keyspace, Error> {
        let size = self.options.memtable_bytes;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(size);
        let keyspace = self.db.keyspace(name, options).failed("create a sub-level in", &self.path)?;
        // fjall leaves the entry of the new folder to the system. Without it, a power cut would take the
        // sub-level, and recovery would skip its rows in the journal without a word.
        for folder in keyspace.path().ancestors().take(2) {
            create::sync_folder(folder)?;
        }
        Ok(keyspace)
    }

    /// Deletes a key space, and sees to it that neither its number nor a sequence number is used again.
    ///
    /// When fjall opens a database, it counts on from the highest number of a key space that is left, and from the
    /// highest sequence number that is left in one, and forgets those that it gave to deletions. A new key space with
    /// the number of a deleted one can then be hidden by that deletion: it works until the next opening, which
    /// throws it away with all its rows. So there is always a placeholder that was made, and written to, after
    /// anything that was deleted.
    fn delete(&self, keyspace: &Keyspace) -> Result<(), Error> {
        let old = self.db.list_keyspace_names().into_iter().filter(|name| name.starts_with(PLACEHOLDER));
        let old: Vec<_> = old.collect();
        let next =
            old.iter().filter_map(|name| name.strip_prefix(PLACEHOLDER)?.parse().ok()).max().unwrap_or(0u64)
                + 1;
        let placeholder = self.keyspace(&format!("{PLACEHOLDER}{next}"))?;
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&placeholder, "placeholder", "");
        // Durable, with all that came before: the deletion goes around the journal and would overtake it.
        batch.commit().failed("write to", &self.path)?;
        self.db.delete_keyspace(keyspace.clone()).failed("remove a sub-level of", &self.path)?;
        for name in old {
            let old = self.db.keyspace(&name, KeyspaceCreateOptions::default).failed("open", &self.path)?;
            self.db.delete_keyspace(old).failed("remove a placeholder of", &self.path)?;
        }
        Ok(())
    }
}

/// Begins the names of key spaces that only hold numbers; no sub-level can have such a name.
const PLACEHOLDER: &str = "PLACEHOLDER-";

impl Drop for Shared {
    fn drop(&mut self) {
        // There is nobody left to tell; who wants to know calls `sync` first.
        let _ = self.db.persist(PersistMode::SyncData);
    }
}

impl Read for Fjall {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.shared.view().get(&self.shared.path, sub, key)
    }

    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
        self.shared.view().range(&self.shared.path, sub, range, order)
    }
}

impl Level for Fjall {
    fn sub(&self, name: &str) -> Result<Sub, Error> {
        check_name(name)?;
        if let Some(sub) = self.shared.view().names.get(name) {
            return Ok(*sub);
        }
        let writer = self.shared.writer();
        // Another thread may have made it meanwhile.
        match self.shared.view().names.get(name) {
            Some(sub) => Ok(*sub),
            None => self.shared.create(&writer, name),
        }
    }

    fn subs(&self) -> Result<Vec<String>, Error> {
        Ok(self.shared.view().names.keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> Result<bool, Error> {
        check_name(name)?;
        let writer = self.shared.writer();
        let view = self.shared.view();
        let Some(sub) = view.names.get(name) else { return Ok(false) };
        let Some(keyspace) = view.keyspaces.get(sub) else { return Ok(false) };
        self.shared.delete(keyspace)?;
        let mut names = BTreeMap::clone(&view.names);
        let mut keyspaces = BTreeMap::clone(&view.keyspaces);
        names.remove(name);
        keyspaces.remove(sub);
        drop(view);
        self.shared.publish(&writer, Arc::new(names), Arc::new(keyspaces));
        Ok(true)
    }

    fn apply(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
        check_batch(&batch)?;
        let Shared { db, path, .. } = &*self.shared;
        let writer = self.shared.writer();
        let view = self.shared.view();
        if let Some(sub) = batch.subs().find(|sub| !view.keyspaces.contains_key(sub)) {
            return Err(Error::UnknownSub { sub });
        }
        if batch.is_empty() {
            return match durability {
                Durability::Buffered => Ok(()),
                Durability::Synced => db.persist(PersistMode::SyncData).failed("sync", path),
            };
        }
        let mode = match durability {
            Durability::Buffered => PersistMode::Buffer,
            Durability::Synced => PersistMode::SyncData,
        };
        let mut write =
            ::fjall::OwnedWriteBatch::with_capacity(db.clone(), batch.len()).durability(Some(mode));
        for (sub, key, value) in batch {
            let Some(keyspace) = view.keyspaces.get(&sub) else { continue };
            match value {
                Some(value) => write.insert(keyspace, key, value),
                None => write.remove(keyspace, key),
            }
        }
        write.commit().failed("write to", path)?;
        self.shared.publish(&writer, view.names.clone(), view.keyspaces.clone());
        Ok(())
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, Error> {
        Ok(Arc::new(Kept { view: self.shared.view(), shared: self.shared.clone() }))
    }
}
