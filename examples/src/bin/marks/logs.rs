//! Marks of one log: appending and opening.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fjall::PersistMode;
use hyperlog::{Doc, Durability, Hyperlog, Identity, Level, Link, Options};
use level::Fjall;

use crate::figures::{Wanted, folder_bytes, median, report, rounds, verdict};
use crate::raw::{raw, record};
use crate::{Cli, Result};

pub(crate) const BATCH: usize = 10_000;

pub(crate) fn batches(cli: &Cli) -> Result<()> {
    let values = values(10 * BATCH);
    let rows = record(|log| chain(log, &values, BATCH))?;
    let n = 10.0 * BATCH as f64;
    let rounds = rounds(cli, |dir| {
        let ours = timed(dir, |log| chain(log, &values, BATCH))?;
        Ok((n / ours, n / raw(&dir.join("raw"), &rows, Some(PersistMode::SyncData))?))
    })?;
    report("batch append, 10,000 a commit, synced", &rounds, &Wanted::OfRaw(0.5));
    Ok(())
}

pub(crate) fn singles(cli: &Cli, durability: Durability, n: usize) -> Result<()> {
    let values = values(n);
    let rows = record(|log| chain(log, &values, 1))?;
    let mode = match durability {
        Durability::Buffered => PersistMode::Buffer,
        Durability::Synced => PersistMode::SyncData,
    };
    let rounds = rounds(cli, |dir| {
        let ours = timed(dir, |log| chain(&log.with_durability(durability), &values, 1))?;
        Ok((n as f64 / ours, n as f64 / raw(&dir.join("raw"), &rows, Some(mode))?))
    })?;
    match durability {
        Durability::Buffered => {
            report("single append, signed, buffered", &rounds, &Wanted::PerSecond(30_000.0))
        }
        Durability::Synced => report("single append, signed, synced", &rounds, &Wanted::OfRaw(0.8)),
    }
    Ok(())
}

pub(crate) fn threads(cli: &Cli) -> Result<()> {
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

pub(crate) fn opening(cli: &Cli) -> Result<()> {
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

/// What is written, made before the clock runs.
pub(crate) fn values(n: usize) -> Vec<Bytes> {
    (0..n).map(|i| format!("{i:0>100}").into()).collect()
}

/// Nodes that link the one before, `size` a commit.
pub(crate) fn chain(log: &Hyperlog, values: &[Bytes], size: usize) -> Result<()> {
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

pub(crate) fn open_log(level: Arc<dyn Level>) -> Result<Hyperlog> {
    Ok(Options::default().open(level, Identity::from_seed(&[7; 32]))?)
}

/// Seconds that `write` takes on a fresh log, closing left out.
fn timed(dir: &Path, write: impl FnOnce(&Hyperlog) -> Result<()>) -> Result<f64> {
    let log = open_log(Arc::new(Fjall::open(dir.join("ours"))?))?;
    let start = Instant::now();
    write(&log)?;
    Ok(start.elapsed().as_secs_f64())
}
