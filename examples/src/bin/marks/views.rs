//! Marks of views: how fast they keep up, and how fast a map is written and read.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use fjall::PersistMode;
use hyperkv::{HyperKv, Utf8, Write};
use hyperlog::{Binary, Durability, Hyperlog, Level};
use hyperlog_index::{Fold, Index};
use level::Fjall;

use crate::figures::{Wanted, report, rounds};
use crate::logs::{BATCH, chain, open_log, values};
use crate::raw::{raw, raw_reads, record_in};
use crate::{Cli, Result};

const NODES: usize = 100_000;

/// A view that counts the nodes of a log.
pub(crate) fn counting(cli: &Cli) -> Result<()> {
    let values = values(NODES);
    let source = tempfile::tempdir()?;
    let log = stored(source.path(), |log| chain(log, &values, BATCH))?;
    let rounds = rounds(cli, |dir| {
        let level: Arc<dyn Level> = Arc::new(Fjall::open(dir.join("ours"))?);
        let count = Fold::<Binary, u64, _>::new("count", 1, 0, |count, _| *count += 1);
        let index = Index::open(&log, level, count)?;
        let start = Instant::now();
        index.ready()?;
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(index.value()?, NODES as u64, "every node was counted");
        Ok((NODES as f64 / seconds, 0.0))
    })?;
    report("counting view", &rounds, &Wanted::PerSecond(300_000.0));
    Ok(())
}

/// A map of 100,000 keys: written in batches, indexed, read.
pub(crate) fn map(cli: &Cli) -> Result<()> {
    let values: Vec<String> =
        values(NODES).iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect();
    writing(cli, &values)?;
    let source = tempfile::tempdir()?;
    let log = stored(source.path(), |log| {
        let kv = HyperKv::<Utf8>::over(log, level::Memory::new())?;
        put(&kv, writes(&values))
    })?;
    let open = |level: Arc<dyn Level>| Ok(HyperKv::<Utf8>::over(&log, level)?);
    let rows = record_in(&["index/kv"], open, |kv| Ok(kv.index().ready()?))?;
    let turns: Vec<usize> = (0..NODES).map(|n| (n * STRIDE + 1) % NODES).collect();
    let (mut indexing, mut reading) = (Vec::new(), Vec::new());
    rounds(cli, |dir| {
        let kv = open(Arc::new(Fjall::open(dir.join("ours"))?))?;
        let start = Instant::now();
        kv.index().ready()?;
        let ours = start.elapsed().as_secs_f64();
        let theirs = raw(&dir.join("raw"), &rows, Some(PersistMode::Buffer))?;
        indexing.push((NODES as f64 / ours, NODES as f64 / theirs));
        // Reopened, as every map is but in its first moments; raw is, too.
        drop(kv);
        let kv = open(Arc::new(Fjall::open(dir.join("ours"))?))?;
        let ours = gets(&kv, &turns)?;
        let theirs = raw_reads(&dir.join("raw-reads"), &rows, &turns)?;
        reading.push((NODES as f64 / ours, NODES as f64 / theirs));
        Ok((0.0, 0.0))
    })?;
    report("the view of a map, 100,000 keys", &indexing, &Wanted::PerSecond(100_000.0));
    report("get, keys in no order", &reading, &Wanted::PerSecond(300_000.0));
    Ok(())
}

/// Batches of puts, each durable, into an empty map; then, in another one, so that each batch finds its keys taken.
fn writing(cli: &Cli, values: &[String]) -> Result<()> {
    let mut again = Vec::new();
    let first = rounds(cli, |dir| {
        let level: Arc<dyn Level> = Arc::new(Fjall::open(dir.join("ours"))?);
        let kv = HyperKv::<Utf8>::over(&open_log(Arc::clone(&level))?, level)?;
        let round = || -> Result<f64> {
            let batches = writes(values);
            let start = Instant::now();
            put(&kv, batches)?;
            Ok(NODES as f64 / start.elapsed().as_secs_f64())
        };
        let first = round()?;
        again.push((round()?, 0.0));
        Ok((first, 0.0))
    })?;
    report("batch put, 10,000 a commit, synced, new keys", &first, &Wanted::PerSecond(100_000.0));
    report("the same, over keys that are there", &again, &Wanted::Nothing);
    Ok(())
}

/// No divisor of the number of keys, so that every key has its turn.
const STRIDE: usize = 38_197;

fn key(n: usize) -> String {
    format!("key/{:05}", n * STRIDE % NODES)
}

/// What is written, made before the clock runs.
fn writes(values: &[String]) -> Vec<Vec<Write<String>>> {
    let writes: Vec<Write<String>> =
        values.iter().enumerate().map(|(n, value)| Write::put(key(n), value.clone())).collect();
    writes.chunks(BATCH).map(<[Write<String>]>::to_vec).collect()
}

fn put(kv: &HyperKv<Utf8>, batches: Vec<Vec<Write<String>>>) -> Result<()> {
    for batch in batches {
        kv.batch(batch)?;
    }
    Ok(())
}

fn gets(kv: &HyperKv<Utf8>, turns: &[usize]) -> Result<f64> {
    let keys: Vec<String> = turns.iter().map(|turn| key(*turn)).collect();
    let start = Instant::now();
    for key in &keys {
        assert!(kv.get(key)?.one().is_some(), "every key has its value");
    }
    Ok(start.elapsed().as_secs_f64())
}

/// A log as it lies on the disk.
fn stored(dir: &Path, write: impl FnOnce(&Hyperlog) -> Result<()>) -> Result<Hyperlog> {
    let open = || -> Result<Hyperlog> { open_log(Arc::new(Fjall::open(dir)?)) };
    write(&open()?.with_durability(Durability::Buffered))?;
    open()
}
