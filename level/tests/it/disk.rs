//! Opening, making, locking and backing up databases on a disk.

use std::{fs, sync::Arc};

use level::{Batch, Durability, Error, Fjall, FjallOptions, KeyRange, Level, Memory, Order, Read};

use crate::scratch::{Scratch, rows};

fn put(level: &impl Level, name: &str, key: &'static str) {
    let mut batch = Batch::new();
    batch.put(level.sub(name).unwrap(), key, "");
    level.apply(batch, Durability::Buffered).unwrap();
}

#[test]
fn a_database_is_open_once() {
    let path = &Scratch::new();
    let path = path.path();
    let level = Fjall::open(&path).unwrap();
    assert!(matches!(Fjall::open(&path), Err(Error::Locked { path: said }) if said == path));
    put(&level, "a", "k");
    let snapshot = level.snapshot().unwrap();
    drop(level);
    assert!(matches!(Fjall::open(&path), Err(Error::Locked { .. })), "a snapshot keeps it open");
    drop(snapshot);
    assert_eq!(Fjall::open(&path).unwrap().subs().unwrap(), ["a"]);
}

#[test]
fn a_snapshot_outlives_its_level() {
    let scratch = Scratch::new();
    let level = Fjall::open(scratch.path()).unwrap();
    put(&level, "a", "k");
    let sub = level.sub("a").unwrap();
    let snapshot = level.snapshot().unwrap();
    drop(level);
    assert!(snapshot.get(sub, b"k").unwrap().is_some());
}

#[test]
fn what_is_not_a_database_is_not_touched() {
    let scratch = Scratch::new();
    let file = scratch.path();
    fs::write(&file, "a letter").unwrap();
    assert!(matches!(Fjall::open(&file), Err(Error::NotADatabase { .. })));
    assert_eq!(fs::read(&file).unwrap(), b"a letter");
    let folder = scratch.path();
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("letter"), "dear").unwrap();
    assert!(matches!(Fjall::open(&folder), Err(Error::NotADatabase { .. })));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert!(matches!(Fjall::open(file.join("below")), Err(Error::Io { .. })), "no folder can be in a file");
    assert!(matches!(Fjall::open("/"), Err(Error::NotADatabase { .. })));
}

#[test]
fn a_database_is_made_with_its_parents_or_in_an_empty_folder() {
    let scratch = Scratch::new();
    let path = scratch.path().join("a/b/c");
    put(&Fjall::open(&path).unwrap(), "a", "k");
    let empty = scratch.path();
    fs::create_dir(&empty).unwrap();
    put(&Fjall::open(&empty).unwrap(), "a", "k");
    assert_eq!(Fjall::open(&empty).unwrap().subs().unwrap(), ["a"]);
}

#[cfg(unix)]
#[test]
fn the_permissions_of_an_empty_folder_stay() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let path = scratch.path();
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    drop(Fjall::open(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn another_format_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.path();
    drop(Fjall::open(&path).unwrap());
    fs::write(path.join("version"), b"FJL\x04").unwrap();
    assert!(matches!(Fjall::open(&path), Err(Error::Format { .. })));
    fs::write(path.join("version"), b"").unwrap();
    assert!(matches!(Fjall::open(&path), Err(Error::Corrupt { .. })));
    fs::write(path.join("version"), b"FJL\x03").unwrap();
    Fjall::open(&path).unwrap();
}

#[test]
fn files_that_the_engine_gives_up_on_are_an_error() {
    let scratch = Scratch::new();
    let path = scratch.path();
    put(&Fjall::open(&path).unwrap(), "a", "k");
    let stray = path.join("keyspaces/not a number");
    fs::create_dir(&stray).unwrap();
    assert!(matches!(Fjall::open(&path), Err(Error::Corrupt { .. })));
    fs::remove_dir(&stray).unwrap();
    assert_eq!(rows(&Fjall::open(&path).unwrap())["a"].len(), 1);
}

#[test]
fn makers_that_race_make_one_database() {
    for _ in 0..20 {
        let scratch = Scratch::new();
        let path = scratch.path();
        let race = || match Fjall::open(&path) {
            Ok(level) => put(&level, "a", "k"),
            Err(Error::Locked { .. }) => {}
            Err(error) => panic!("{error:?}"),
        };
        std::thread::scope(|scope| (0..6).for_each(|_| drop(scope.spawn(race))));
        assert_eq!(Fjall::open(&path).unwrap().subs().unwrap(), ["a"], "at least one of them came through");
        assert_eq!(fs::read_dir(scratch.folder()).unwrap().count(), 1, "nothing is left over");
    }
}

#[test]
fn what_a_killed_maker_left_is_cleaned_up() {
    let scratch = Scratch::new();
    let path = scratch.path();
    let left = |what: &str| {
        scratch.folder().join(format!(".{}.unfinished-{what}", path.file_name().unwrap().display()))
    };
    // Killed at once, killed later, and one that is alive.
    fs::create_dir(left("1")).unwrap();
    fs::create_dir(left("2")).unwrap();
    fs::write(left("2").join("lock"), "").unwrap();
    fs::write(left("2").join("0.jnl"), "half").unwrap();
    fs::create_dir(left("3")).unwrap();
    let alive = fs::File::create(left("3").join("lock")).unwrap();
    alive.lock().unwrap();
    Fjall::open(&path).unwrap();
    assert!(!left("1").exists() && !left("2").exists());
    assert!(left("3").join("lock").exists(), "a living maker is left alone");
}

#[test]
fn a_backup_is_a_database_of_that_moment() {
    let scratch = Scratch::new();
    let level = Fjall::open(scratch.path()).unwrap();
    for key in ["1", "2", "3"] {
        put(&level, "a", key);
        put(&level, "b/c", key);
    }
    let before = rows(&level);
    let path = scratch.path();
    assert_eq!(level.backup(&path).unwrap().rows, 6);
    put(&level, "a", "later");
    assert!(rows(&Fjall::open(&path).unwrap()) == before);
    assert!(matches!(level.backup(&path), Err(Error::Exists { .. })), "a backup never replaces one");
    let file = scratch.path();
    fs::write(&file, "a letter").unwrap();
    assert!(matches!(level.backup(&file), Err(Error::Exists { .. })));
    assert_eq!(fs::read(&file).unwrap(), b"a letter");
    let memory = Memory::new();
    put(&memory, "a", "k");
    level::backup(&memory, scratch.path()).unwrap();
}

#[test]
fn a_backup_that_fails_leaves_nothing() {
    use level::testing::{Failing, Operation};
    let scratch = Scratch::new();
    let level = Failing::new(Memory::new());
    put(&level, "a", "1");
    put(&level, "a", "2");
    level.fail_once(Operation::Read, 1);
    assert!(level::backup(&level, scratch.path()).is_err());
    assert_eq!(fs::read_dir(scratch.folder()).unwrap().count(), 0);
}

/// A small disk, gone with this. Needs to be root.
#[cfg(target_os = "linux")]
struct SmallDisk(Scratch);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let disk = Scratch::new();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(disk.folder());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| SmallDisk(disk))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.folder()).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_once_and_leaves_a_prefix() {
    let Some(disk) = SmallDisk::mount() else {
        return println!("skipped: mounting a small disk takes root");
    };
    let ballast = disk.0.path();
    fs::write(&ballast, vec![1; 2 << 20]).unwrap();
    let path = disk.0.path();
    // No table is written before the disk is full: else it may be that which fails, in the background.
    let options = FjallOptions { memtable_bytes: 64 << 20, ..FjallOptions::default() };
    let level = Fjall::with(&path, options).unwrap();
    let (a, b) = (level.sub("a").unwrap(), level.sub("b").unwrap());
    let write = |n: u32| {
        let noise: Vec<u8> =
            (0..50_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ n as u8).collect();
        let mut batch = Batch::new();
        batch.put(a, n.to_be_bytes().to_vec(), noise.clone());
        batch.put(b, n.to_be_bytes().to_vec(), noise);
        level.apply(batch, Durability::Buffered)
    };
    let (failed, error) = (0..1000).find_map(|n| write(n).err().map(|error| (n, error))).unwrap();
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    fs::remove_file(ballast).unwrap();
    assert!(
        matches!(write(failed), Err(Error::Poisoned)),
        "it refuses to write, also when there is room again"
    );
    assert!(matches!(level.sync(), Err(Error::Poisoned)));
    assert_eq!(level.range(a, KeyRange::all(), Order::Ascending).count(), failed as usize, "it can be read");
    drop(level);
    let level = Fjall::open(&path).unwrap();
    let found = rows(&level);
    assert!(found["a"] == found["b"], "no batch is there by half");
    assert!([failed, failed + 1].contains(&(found["a"].len() as u32)), "every batch before is there");
    put(&level, "a", "after");
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_in_the_background_leaves_a_prefix() {
    let Some(disk) = SmallDisk::mount() else {
        return println!("skipped: mounting a small disk takes root");
    };
    let ballast = disk.0.path();
    fs::write(&ballast, vec![1; 4 << 20]).unwrap();
    let path = disk.0.path();
    let options = FjallOptions { memtable_bytes: 100_000, ..FjallOptions::default() };
    let level = Fjall::with(&path, options).unwrap();
    let sub = level.sub("a").unwrap();
    let write = |n: u32| {
        let noise: Vec<u8> =
            (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ n as u8).collect();
        let mut batch = Batch::new();
        batch.put(sub, n.to_be_bytes().to_vec(), noise);
        level.apply(batch, Durability::Buffered)
    };
    let (failed, error) = (0..1000).find_map(|n| write(n).err().map(|error| (n, error))).unwrap();
    assert!(matches!(error, Error::Full { .. } | Error::Poisoned), "{error:?}");
    drop(level);
    fs::remove_file(ballast).unwrap();
    let found = rows(&Fjall::open(&path).unwrap())["a"].len() as u32;
    assert!([failed, failed + 1].contains(&found), "{found} batches of {failed}");
}

#[test]
fn a_backup_may_be_made_while_others_write() {
    let scratch = Scratch::new();
    let level = Fjall::open(scratch.path()).unwrap();
    let (a, b) = (level.sub("a").unwrap(), level.sub("b").unwrap());
    let written = Arc::new(std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writer = (level.clone(), written.clone());
        scope.spawn(move || {
            let mut n = 0u32;
            while !writer.1.load(std::sync::atomic::Ordering::Relaxed) {
                let mut batch = Batch::new();
                batch.put(a, n.to_be_bytes().to_vec(), "");
                batch.put(b, n.to_be_bytes().to_vec(), "");
                writer.0.apply(batch, Durability::Buffered).unwrap();
                n += 1;
            }
        });
        for _ in 0..3 {
            let path = scratch.path();
            level.backup(&path).unwrap();
            let copy = rows(&Fjall::open(&path).unwrap());
            assert!(copy["a"] == copy["b"], "a batch is copied whole or not at all");
        }
        written.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
