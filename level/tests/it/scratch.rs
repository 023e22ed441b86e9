//! Folders, seeds and shorthands for the other tests.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use level::{KeyRange, Level, Order};

/// Paths for databases, in a folder that goes when this does.
pub(crate) struct Scratch {
    folder: tempfile::TempDir,
    next: Cell<u32>,
}

impl Scratch {
    pub(crate) fn new() -> Scratch {
        Scratch { folder: tempfile::tempdir().unwrap(), next: Cell::new(0) }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path where nothing is.
    pub(crate) fn path(&self) -> PathBuf {
        self.next.set(self.next.get() + 1);
        self.folder.path().join(self.next.get().to_string())
    }
}

/// All that a level holds, by name and key.
pub(crate) type Rows = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

pub(crate) fn rows(level: &(impl Level + ?Sized)) -> Rows {
    let of = |name: String| {
        let sub = level.sub(&name).unwrap();
        let rows = level.range(sub, KeyRange::all(), Order::Ascending);
        (name, rows.map(|row| row.unwrap()).map(|(key, value)| (key.to_vec(), value.to_vec())).collect())
    };
    level.subs().unwrap().into_iter().map(of).collect()
}

/// The first journal of a database.
pub(crate) fn journal(path: &Path) -> PathBuf {
    path.join("0.jnl")
}

/// Copies a closed database; of its journal, which is mostly nothing, the first `journal` bytes.
pub(crate) fn copy_database(from: &Path, to: &Path, journal: &[u8]) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_database(&entry.path(), &to, journal);
        } else if entry.file_name() == "0.jnl" {
            fs::write(to, journal).unwrap();
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Random enough, and the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    /// With a seed that is printed, and can be set as `SEED`.
    pub(crate) fn seeded() -> Random {
        use std::hash::{BuildHasher, RandomState};
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0u8));
        println!("SEED={seed}");
        Random(seed)
    }

    /// Below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
