//! First marks: how fast the log is, beside raw fjall on the very same rows in the same run.
//!
//! `just bench`, or `cargo run --release -p examples --bin marks`. The rows that the log writes are recorded
//! once, and then written both by the log and straight to fjall, in turn, several rounds; the ratio is the
//! median of the rounds, which holds when the machine is noisy.
//!
//! Both write to a database that was closed and opened again, as every log is but in its very first moments:
//! fjall makes the journal of a new database 64 MiB long, and appends to the one of a reopened database, so
//! that a sync of the latter also writes the file's length.
#![expect(clippy::print_stdout, reason = "printing is what a program is for")]
#![expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock and starts threads")]

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Parser;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use hyperlog::{Doc, Durability, Hyperlog, Identity, Level, Link, Memory, Options};
use level::{Batch, Fjall, FjallOptions, KeyRange, Order, Rows, Sub};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const BATCH: usize = 10_000;
const NAMES: [&str; 3] = ["entries", "ids", "meta"];

#[derive(Debug, Parser)]
struct Cli {
    /// Rounds of each comparison
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Nodes of the largest log
    #[arg(long, default_value_t = 1_000_000)]
    nodes: usize,
    /// Only these: batch, buffered, synced, threads, open
    only: Vec<String>,
}

impl Cli {
    fn wants(&self, mark: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == mark)
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    println!("100-byte values, {} rounds, medians; raw is fjall with the same rows and settings", cli.rounds);
    type Mark = fn(&Cli) -> Result<()>;
    let marks: [(&str, Mark); 5] = [
        ("batch", batches),
        ("buffered", |cli| singles(cli, Durability::Buffered, 50_000)),
        ("synced", |cli| singles(cli, Durability::Synced, 2_000)),
        ("threads", threads),
        ("open", opening),
    ];
    marks.iter().filter(|(name, _)| cli.wants(name)).try_for_each(|(_, mark)| mark(&cli))
}

// ---- the marks ----

fn batches(cli: &Cli) -> Result<()> {
    let values = values(10 * BATCH);
    let rows = record(|log| chain(log, &values, BATCH))?;
    let n = 10.0 * BATCH as f64;
    let rounds = rounds(cli, |dir| {
        let ours = timed(dir, |log| chain(log, &values, BATCH))?;
        Ok((n / ours, n / raw(&dir.join("raw"), &rows, PersistMode::SyncData)?))
    })?;
    report("batch append, 10,000 a commit, synced", &rounds, &Wanted::OfRaw(0.5));
    Ok(())
}

fn singles(cli: &Cli, durability: Durability, n: usize) -> Result<()> {
    let values = values(n);
    let rows = record(|log| chain(log, &values, 1))?;
    let mode = match durability {
        Durability::Buffered => PersistMode::Buffer,
        Durability::Synced => PersistMode::SyncData,
    };
    let rounds = rounds(cli, |dir| {
        let ours = timed(dir, |log| chain(&log.with_durability(durability), &values, 1))?;
        Ok((n as f64 / ours, n as f64 / raw(&dir.join("raw"), &rows, mode)?))
    })?;
    match durability {
        Durability::Buffered => {
            report("single append, signed, buffered", &rounds, &Wanted::PerSecond(30_000.0))
        }
        Durability::Synced => report("single append, signed, synced", &rounds, &Wanted::OfRaw(0.8)),
    }
    Ok(())
}

fn threads(cli: &Cli) -> Result<()> {
    const THREADS: usize = 64;
    const EACH: usize = 500;
    let values = values(EACH);
    let rounds = rounds(cli, |dir| {
        let seconds = timed(dir, |log| {
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS)
                    .map(|_| {
                        scope.spawn(|| {
                            values.iter().try_for_each(|value| log.add(&[], value.clone()).map(drop))
                        })
                    })
                    .collect();
                threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Ok(())))
            })?;
            Ok(())
        })?;
        Ok(((THREADS * EACH) as f64 / seconds, 0.0))
    })?;
    report("64 threads, single, synced", &rounds, &Wanted::PerSecond(20_000.0));
    Ok(())
}

fn opening(cli: &Cli) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("db");
    open_log(Arc::new(Fjall::open(&path)?))
        .and_then(|log| chain(&log.with_durability(Durability::Buffered), &values(cli.nodes), BATCH))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..cli.rounds {
        let start = Instant::now();
        let level = Arc::new(Fjall::open(&path)?);
        theirs.push(start.elapsed());
        let start = Instant::now();
        let log = open_log(level)?;
        ours.push(start.elapsed());
        assert_eq!(log.last().0 as usize, cli.nodes, "the log is whole");
    }
    let (ours, theirs) = (median(&ours), median(&theirs));
    let verdict = verdict(ours <= Duration::from_millis(20));
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    println!(
        "opening {} nodes: {:.2} ms are ours, beside {:.0} ms of fjall; wanted 20 ms: {verdict}",
        cli.nodes,
        ms(ours),
        ms(theirs)
    );
    println!(
        "on disk: {:.0} bytes a node, journals included",
        folder_bytes(&path)? as f64 / cli.nodes as f64
    );
    Ok(())
}

// ---- what they measure ----

/// What is written, made before the clock runs.
fn values(n: usize) -> Vec<Bytes> {
    (0..n).map(|i| format!("{i:0>100}").into()).collect()
}

/// Nodes that link the one before, `size` a commit.
fn chain(log: &Hyperlog, values: &[Bytes], size: usize) -> Result<()> {
    let mut last = None;
    for commit in values.chunks(size) {
        let docs = commit.iter().enumerate().map(|(place, value)| {
            let link = match place.checked_sub(1) {
                Some(before) => Some(Link::Doc(before)),
                None => last.map(Link::Node),
            };
            Doc { links: link.into_iter().collect(), value: value.clone() }
        });
        last = log.batch(docs)?.last().map(|node| node.id);
    }
    Ok(())
}

fn open_log(level: Arc<dyn Level>) -> Result<Hyperlog> {
    Ok(Options::default().open(level, Identity::from_seed(&[7; 32]))?)
}

/// Seconds that `write` takes on a fresh log, closing left out.
fn timed(dir: &Path, write: impl FnOnce(&Hyperlog) -> Result<()>) -> Result<f64> {
    let log = open_log(Arc::new(Fjall::open(dir.join("ours"))?))?;
    let start = Instant::now();
    write(&log)?;
    Ok(start.elapsed().as_secs_f64())
}

/// One batch as rows: place of the sub-level in [`NAMES`], key, value.
type Recorded = Vec<(usize, Bytes, Option<Bytes>)>;

/// Seconds that fjall takes to write the same rows.
fn raw(path: &Path, batches: &[Recorded], mode: PersistMode) -> Result<f64> {
    let FjallOptions { cache_bytes, memtable_bytes, journal_bytes, .. } = FjallOptions::default();
    let open = || {
        let db = Database::builder(path).cache_size(cache_bytes).max_journaling_size(journal_bytes).open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(memtable_bytes);
        let keyspaces =
            NAMES.iter().map(|name| db.keyspace(name, options)).collect::<fjall::Result<Vec<Keyspace>>>()?;
        fjall::Result::Ok((db, keyspaces))
    };
    drop(open()?);
    let (db, keyspaces) = open()?;
    let start = Instant::now();
    for rows in batches {
        let mut batch = db.batch().durability(Some(mode));
        for (place, key, value) in rows {
            let Some(keyspace) = keyspaces.get(*place) else { continue };
            match value {
                Some(value) => batch.insert(keyspace, key.clone(), value.clone()),
                None => batch.remove(keyspace, key.clone()),
            }
        }
        batch.commit()?;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// The rows of every batch that `write` makes the log write.
fn record(write: impl FnOnce(&Hyperlog) -> Result<()>) -> Result<Vec<Recorded>> {
    let recorder = Arc::new(Recorder { memory: Memory::new(), batches: Mutex::default() });
    let log = open_log(Arc::clone(&recorder) as _)?;
    // What opening writes is not part of the comparison.
    recorder.batches.lock().unwrap_or_else(PoisonError::into_inner).clear();
    write(&log)?;
    let batches = std::mem::take(&mut *recorder.batches.lock().unwrap_or_else(PoisonError::into_inner));
    let subs = NAMES.iter().map(|name| recorder.sub(name)).collect::<std::result::Result<Vec<Sub>, _>>()?;
    let place = |sub| subs.iter().position(|known| *known == sub).unwrap_or(usize::MAX);
    let rows = |batch: &Batch| {
        batch.iter().map(|(sub, key, value)| (place(sub), key.clone(), value.cloned())).collect()
    };
    Ok(batches.iter().map(rows).collect())
}

/// A level in memory that keeps every batch.
struct Recorder {
    memory: Memory,
    batches: Mutex<Vec<Batch>>,
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
        if !batch.is_empty() {
            self.batches.lock().unwrap_or_else(PoisonError::into_inner).push(batch.clone());
        }
        self.memory.apply(batch, durability)
    }

    fn snapshot(&self) -> std::result::Result<Arc<dyn level::Read>, level::Error> {
        self.memory.snapshot()
    }
}

// ---- figures ----

fn rounds(cli: &Cli, mut round: impl FnMut(&Path) -> Result<(f64, f64)>) -> Result<Vec<(f64, f64)>> {
    (0..cli.rounds.max(1)).map(|_| round(tempfile::tempdir()?.path())).collect()
}

/// What the median of the rounds must reach.
enum Wanted {
    PerSecond(f64),
    OfRaw(f64),
}

fn report(what: &str, rounds: &[(f64, f64)], wanted: &Wanted) {
    let by = |f: fn(&(f64, f64)) -> f64| middle(rounds.iter().map(f).collect());
    let (ours, raw, ratio) = (by(|r| r.0), by(|r| r.1), by(|r| r.0 / r.1));
    let beside = if raw > 0.0 { format!(", raw {raw:.0}/s, ratio {ratio:.2}") } else { String::new() };
    let (wanted, holds) = match wanted {
        Wanted::PerSecond(least) => (format!("{least:.0}/s"), ours >= *least),
        Wanted::OfRaw(least) => (format!("ratio {least:.2}"), ratio >= *least),
    };
    println!("{what}: {ours:.0}/s{beside}; wanted {wanted}: {}", verdict(holds));
}

const fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "DOES NOT HOLD" }
}

fn median(times: &[Duration]) -> Duration {
    Duration::from_secs_f64(middle(times.iter().map(Duration::as_secs_f64).collect()))
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn folder_bytes(path: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { folder_bytes(&entry.path())? } else { allocated(&meta) };
    }
    Ok(bytes)
}

#[cfg(unix)]
fn allocated(meta: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(meta) * 512
}

#[cfg(not(unix))]
fn allocated(meta: &std::fs::Metadata) -> u64 {
    meta.len()
}
