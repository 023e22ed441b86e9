//! Rounds, medians and verdicts.

use std::path::Path;
use std::time::Duration;

use crate::{Cli, Result};

pub(crate) fn rounds(
    cli: &Cli,
    mut round: impl FnMut(&Path) -> Result<(f64, f64)>,
) -> Result<Vec<(f64, f64)>> {
    (0..cli.rounds.max(1)).map(|_| round(tempfile::tempdir()?.path())).collect()
}

/// What the median of the rounds must reach.
pub(crate) enum Wanted {
    PerSecond(f64),
    OfRaw(f64),
    /// Nothing was asked of it: it is told for comparison.
    Nothing,
}

pub(crate) fn report(what: &str, rounds: &[(f64, f64)], wanted: &Wanted) {
    let by = |f: fn(&(f64, f64)) -> f64| middle(rounds.iter().map(f).collect());
    let (ours, raw, ratio) = (by(|r| r.0), by(|r| r.1), by(|r| r.0 / r.1));
    let beside = if raw > 0.0 { format!(", raw {raw:.0}/s, ratio {ratio:.2}") } else { String::new() };
    let (wanted, holds) = match wanted {
        Wanted::Nothing => return println!("{what}: {ours:.0}/s{beside}"),
        Wanted::PerSecond(least) => (format!("{least:.0}/s"), ours >= *least),
        Wanted::OfRaw(least) => (format!("ratio {least:.2}"), ratio >= *least),
    };
    println!("{what}: {ours:.0}/s{beside}; wanted {wanted}: {}", verdict(holds));
}

pub(crate) const fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "DOES NOT HOLD" }
}

pub(crate) fn median(times: &[Duration]) -> Duration {
    Duration::from_secs_f64(middle(times.iter().map(Duration::as_secs_f64).collect()))
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn folder_bytes(path: &Path) -> Result<u64> {
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
