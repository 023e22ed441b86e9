//! Marks of syncing two logs, disk to disk, over a pipe.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyperlog::{Durability, Hyperlog, Identity, Level, Options};
use level::Fjall;
use replicate::{Driver, Report, Session};
use tokio::net::unix::pipe;

use crate::figures::{Wanted, report, rounds, verdict};
use crate::logs::{BATCH, chain, open_log, values};
use crate::raw::{raw, record};
use crate::{Cli, Result};

const ENTRIES: usize = 100_000;

/// 100,000 chained nodes to an empty log; then once more, when both are equal.
pub(crate) fn bulk(cli: &Cli) -> Result<()> {
    let values = values(ENTRIES);
    let from = tempfile::tempdir()?;
    let source = source(from.path(), &values)?;
    let rows = record(|log| {
        replicate::sync(log, &source)?;
        Ok(())
    })?;
    let mut reports = None;
    let rounds = rounds(cli, |dir| {
        let target = target(Arc::new(Fjall::open(dir.join("ours"))?))?;
        let start = Instant::now();
        let first = over_pipes(&source, &target)?;
        let ours = start.elapsed().as_secs_f64();
        assert!(first.equal && first.sent as usize == ENTRIES, "everything was sent: {first:?}");
        reports = Some((first, over_pipes(&source, &target)?));
        Ok((ENTRIES as f64 / ours, ENTRIES as f64 / raw(&dir.join("raw"), &rows, None)?))
    })?;
    report("sync of 100,000 to an empty log", &rounds, &Wanted::PerSecond(100_000.0));
    report("the same, beside raw", &rounds, &Wanted::OfRaw(0.4));
    if let Some((first, again)) = reports {
        tell_bytes(&first, &again, &values);
    }
    Ok(())
}

fn tell_bytes(first: &Report, again: &Report, values: &[Bytes]) {
    let bytes: usize = values.iter().map(Bytes::len).sum();
    let each = (first.bytes_sent + first.bytes_received).saturating_sub(bytes as u64) as f64 / ENTRIES as f64;
    println!("on the wire: {each:.1} bytes an entry beside its value; wanted 16: {}", verdict(each <= 16.0));
    let (sent, received) = (again.bytes_sent, again.bytes_received);
    let holds = sent.max(received) <= 250;
    println!("equal logs: {sent} bytes out, {received} in; wanted 250: {}", verdict(holds));
}

fn source(dir: &Path, values: &[Bytes]) -> Result<Hyperlog> {
    let open = || -> Result<Hyperlog> { open_log(Arc::new(Fjall::open(dir)?)) };
    chain(&open()?.with_durability(Durability::Buffered), values, BATCH)?;
    // As it lies on the disk.
    open()
}

fn target(level: Arc<dyn Level>) -> Result<Hyperlog> {
    Ok(Options::default().open(level, Identity::from_seed(&[8; 32]))?)
}

/// Syncs two logs over two pipes of the system, each on a thread of its own; the report is that of the first.
fn over_pipes(a: &Hyperlog, b: &Hyperlog) -> Result<Report> {
    let (read_a, write_b) = std::io::pipe()?;
    let (read_b, write_a) = std::io::pipe()?;
    let sync = |log: &Hyperlog, read: std::io::PipeReader, write: std::io::PipeWriter| -> Result<Report> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let session = Session::new(log, replicate::Options::default(), Duration::ZERO)?;
        runtime.block_on(async {
            let reader = pipe::Receiver::from_owned_fd(read.into())?;
            let writer = pipe::Sender::from_owned_fd(write.into())?;
            Ok(Driver::new(session).run(reader, writer).await?)
        })
    };
    thread::scope(|scope| {
        let other =
            scope.spawn(move || sync(b, read_b, write_b).map(drop).map_err(|error| error.to_string()));
        let report = sync(a, read_a, write_a);
        other.join().map_err(|_| "the other side panicked")??;
        report
    })
}
