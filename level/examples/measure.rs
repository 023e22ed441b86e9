//! Measures a store on disk: `cargo run --release -p level --features fjall --example measure -- [memtable MiB]
//! [cache MiB] [entries]`. The figures in the docs come from here.
#![expect(clippy::disallowed_methods, reason = "to measure takes a clock")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use level::{Batch, Durability, Error, Fjall, FjallOptions, KeyRange, Level, Order, Read};

fn main() -> Result<(), Error> {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse::<u64>().expect("a number"));
    let mut next = |default| numbers.next().unwrap_or(default);
    let usual = FjallOptions::default();
    let memtable_bytes = next(usual.memtable_bytes >> 20) << 20;
    let cache_bytes = next(usual.cache_bytes >> 20) << 20;
    let entries = next(1_000_000);
    let options = FjallOptions { memtable_bytes, cache_bytes, ..usual };
    println!(
        "memtable {} MiB, cache {} MiB, {entries} entries of 3 rows",
        memtable_bytes >> 20,
        cache_bytes >> 20
    );

    let folder = std::env::temp_dir().join(format!("level-measure-{}", std::process::id()));
    let start = Instant::now();
    let level = Fjall::with(&folder, options.clone())?;
    println!("made in {} ms", start.elapsed().as_millis());
    let start = Instant::now();
    let subs = [level.sub("entries")?, level.sub("heads")?, level.sub("ids")?];
    println!("3 sub-levels made in {} ms", start.elapsed().as_millis());
    println!("empty: {} KiB on disk, {} MiB in memory", on_disk(&folder) >> 10, memory("VmRSS"));

    let start = Instant::now();
    for first in (0..entries).step_by(100) {
        let mut batch = Batch::new();
        for change in first..(first + 100).min(entries) {
            let id = id(change);
            batch.put(subs[0], change.to_be_bytes().to_vec(), [&id[..]; 7].concat());
            batch.put(
                subs[1],
                [&b"writer"[..], &change.to_be_bytes()].concat(),
                change.to_be_bytes().to_vec(),
            );
            batch.put(subs[2], id.to_vec(), change.to_be_bytes().to_vec());
        }
        level.apply(batch, Durability::Buffered)?;
    }
    level.sync()?;
    println!("wrote {} entries/s", rate(entries, start));
    println!("full: {} MiB on disk, {} MiB in memory at most", on_disk(&folder) >> 20, memory("VmHWM"));

    let start = Instant::now();
    for n in 0..100_000.min(entries) {
        let change = n.wrapping_mul(2_654_435_761) % entries;
        assert!(level.get(subs[2], &id(change))?.is_some());
    }
    println!("got {} rows/s, in random order", rate(100_000.min(entries), start));
    let start = Instant::now();
    let rows = level.range(subs[0], KeyRange::all(), Order::Ascending).map(|row| row.map(drop));
    let rows = rows.collect::<Result<Vec<()>, _>>()?.len();
    println!("ranged over {} rows/s", rate(rows as u64, start));

    let start = Instant::now();
    for n in 0..200u64 {
        let mut batch = Batch::new();
        batch.put(subs[1], n.to_be_bytes().to_vec(), "");
        level.apply(batch, Durability::Synced)?;
    }
    println!("synced in {} us a batch", start.elapsed().as_micros() / 200);
    println!("all the time: {} MiB in memory at most", memory("VmHWM"));
    drop(level);
    let start = Instant::now();
    let level = Fjall::with(&folder, options)?;
    println!("opened in {} ms", start.elapsed().as_millis());
    drop(level);
    fs::remove_dir_all(&folder).expect("the folder was made above");
    Ok(())
}

/// 32 bytes that look random.
fn id(change: u64) -> [u8; 32] {
    let mut id = [0; 32];
    for (n, part) in (0u64..).zip(id.chunks_exact_mut(8)) {
        let mixed = (change * 4 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        part.copy_from_slice(&(mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_be_bytes());
    }
    id
}

fn rate(count: u64, since: Instant) -> u64 {
    (count as f64 / since.elapsed().as_secs_f64()) as u64
}

/// Bytes that a folder really takes, as `du` counts them.
fn on_disk(folder: &Path) -> u64 {
    let entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.iter().map(|path| if path.is_dir() { on_disk(path) } else { blocks(path) }).sum()
}

#[cfg(unix)]
fn blocks(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map_or(0, |file| file.blocks() * 512)
}

#[cfg(not(unix))]
fn blocks(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// MiB of memory of this process, where the system says so; else 0.
fn memory(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) >> 10
}
