//! The rows that a log writes, recorded once, and written straight to fjall.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use hyperlog::{Durability, Hyperlog, Level, Memory};
use level::{Batch, FjallOptions, KeyRange, Order, Rows, Sub};

use crate::Result;
use crate::logs::open_log;

const NAMES: [&str; 3] = ["entries", "ids", "meta"];

/// One batch: its rows, and whether everything up to it was to be durable.
pub(crate) struct Recorded {
    /// Place of the sub-level among those recorded, key, value.
    rows: Vec<(usize, Bytes, Option<Bytes>)>,
    synced: bool,
}

/// Seconds that fjall takes to write the same rows; without a `mode`, synced where the log synced.
pub(crate) fn raw(path: &Path, batches: &[Recorded], mode: Option<PersistMode>) -> Result<f64> {
    let (db, keyspaces) = open(path)?;
    let start = Instant::now();
    write(&db, &keyspaces, batches, mode)?;
    Ok(start.elapsed().as_secs_f64())
}

/// Seconds that fjall takes to read every row of the first sub-level once, in the order of `turns`.
pub(crate) fn raw_reads(path: &Path, batches: &[Recorded], turns: &[usize]) -> Result<f64> {
    let (db, keyspaces) = open(path)?;
    write(&db, &keyspaces, batches, Some(PersistMode::Buffer))?;
    drop((db, keyspaces));
    let (_db, keyspaces) = open(path)?;
    let keyspace = keyspaces.first().ok_or("there is a sub-level")?;
    let keys = batches.iter().flat_map(|batch| &batch.rows).map(|(_, key, _)| key.clone());
    let keys: Vec<Bytes> = keys.collect();
    let start = Instant::now();
    for turn in turns {
        let found = keys.get(*turn).map(|key| keyspace.get(key)).transpose()?;
        assert!(found.flatten().is_some(), "every row is there");
    }
    Ok(start.elapsed().as_secs_f64())
}

/// A database that was closed and opened again.
fn open(path: &Path) -> Result<(Database, Vec<Keyspace>)> {
    let FjallOptions { cache_bytes, memtable_bytes, journal_bytes, .. } = FjallOptions::default();
    let open = || {
        let db = Database::builder(path).cache_size(cache_bytes).max_journaling_size(journal_bytes).open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(memtable_bytes);
        let keyspaces =
            NAMES.iter().map(|name| db.keyspace(name, options)).collect::<fjall::Result<Vec<Keyspace>>>()?;
        fjall::Result::Ok((db, keyspaces))
    };
    drop(open()?);
    Ok(open()?)
}

fn write(
    db: &Database,
    keyspaces: &[Keyspace],
    batches: &[Recorded],
    mode: Option<PersistMode>,
) -> Result<()> {
    for Recorded { rows, synced } in batches {
        let own = if *synced { PersistMode::SyncData } else { PersistMode::Buffer };
        if rows.is_empty() {
            // A sync alone is one here, too, but not where every batch is treated alike.
            if mode.is_none() {
                db.persist(own)?;
            }
            continue;
        }
        let mut batch = db.batch().durability(Some(mode.unwrap_or(own)));
        for (place, key, value) in rows {
            let Some(keyspace) = keyspaces.get(*place) else { continue };
            match value {
                Some(value) => batch.insert(keyspace, key.clone(), value.clone()),
                None => batch.remove(keyspace, key.clone()),
            }
        }
        batch.commit()?;
    }
    Ok(())
}

/// The rows of every batch that `write` makes the log write.
pub(crate) fn record(write: impl FnOnce(&Hyperlog) -> Result<()>) -> Result<Vec<Recorded>> {
    // What opening writes is not part of the comparison.
    record_in(&NAMES, open_log, |log| write(log))
}

/// The rows of every batch that `write` makes what `open` opened write, in these sub-levels.
pub(crate) fn record_in<T>(
    names: &[&str],
    open: impl FnOnce(Arc<dyn Level>) -> Result<T>,
    write: impl FnOnce(&T) -> Result<()>,
) -> Result<Vec<Recorded>> {
    let recorder = Arc::new(Recorder { memory: Memory::new(), batches: Mutex::default() });
    let opened = open(Arc::clone(&recorder) as _)?;
    recorder.batches.lock().unwrap_or_else(PoisonError::into_inner).clear();
    write(&opened)?;
    let batches = std::mem::take(&mut *recorder.batches.lock().unwrap_or_else(PoisonError::into_inner));
    let subs = names.iter().map(|name| recorder.sub(name)).collect::<std::result::Result<Vec<Sub>, _>>()?;
    let place = |sub| subs.iter().position(|known| *known == sub).unwrap_or(usize::MAX);
    let recorded = |(batch, durability): &(Batch, Durability)| Recorded {
        rows: batch.iter().map(|(sub, key, value)| (place(sub), key.clone(), value.cloned())).collect(),
        synced: *durability == Durability::Synced,
    };
    Ok(batches.iter().map(recorded).collect())
}

/// A level in memory that keeps every batch.
struct Recorder {
    memory: Memory,
    batches: Mutex<Vec<(Batch, Durability)>>,
}

impl level::Read for Recorder {
    fn get(&self, sub: Sub, key: &[u8]) -> std::result::Result<Option<Bytes>, level::Error> {
        self.memory.get(sub, key)
    }

    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
        self.memory.range(sub, range, order)
    }
}

impl Level for Recorder {
    fn sub(&self, name: &str) -> std::result::Result<Sub, level::Error> {
        self.memory.sub(name)
    }

    fn subs(&self) -> std::result::Result<Vec<String>, level::Error> {
        self.memory.subs()
    }

    fn remove(&self, name: &str) -> std::result::Result<bool, level::Error> {
        self.memory.remove(name)
    }

    fn apply(&self, batch: Batch, durability: Durability) -> std::result::Result<(), level::Error> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).push((batch.clone(), durability));
        self.memory.apply(batch, durability)
    }

    fn snapshot(&self) -> std::result::Result<Arc<dyn level::Read>, level::Error> {
        self.memory.snapshot()
    }
}
