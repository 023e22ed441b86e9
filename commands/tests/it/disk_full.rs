//! A disk with no room left.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::dice::Dice;
use crate::place::{Log, Place};

/// A small file system in memory. Only the superuser can make one.
pub(crate) struct SmallDisk(pub(crate) PathBuf);

impl SmallDisk {
    pub(crate) fn mount(place: &Place, mib: u32) -> Option<Self> {
        let path = place.path().join("disk");
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "none"]).arg(&path);
        let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("skipped: mounting a small disk is not permitted here");
        }
        mounted.then_some(Self(path))
    }

    /// Writes a file that leaves less than `kib` of room.
    pub(crate) fn fill(&self, kib: usize) {
        let mut file = File::create(self.0.join("filler")).unwrap();
        let piece = vec![7; 64 << 10];
        let mut written = 0_u64;
        while file.write_all(&piece).is_ok() {
            written += piece.len() as u64;
        }
        file.set_len(written.saturating_sub((kib << 10) as u64)).unwrap();
    }

    pub(crate) fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[track_caller]
pub(crate) fn says_that_there_is_no_room(line: &str) {
    assert!(
        line.contains("no room left") || line.contains("No space left") || line.contains("disk is full"),
        "{line}"
    );
}

/// Everything that was told is there, and the log goes on.
fn is_whole_again(log: &Log, told: &[String]) {
    log.is_sound();
    let ids = log.ids();
    assert!(told.iter().all(|id| ids.binary_search(id).is_ok()), "an id that was told is not there");
    log.append("after");
    let nodes = log.nodes();
    assert!(nodes.iter().enumerate().all(|(n, node)| node["seq"] == n as u64 + 1), "numbers are used once");
    log.is_sound();
}

#[test]
fn lines_that_no_longer_fit_lose_nothing_that_was_told() {
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(&place, 90) else { return };
    let log = Log(disk.0.join("log"));
    let first = log.append("first");
    disk.fill(12 << 10);
    let lines: String = (0..60_000).map(|n| format!("{n} {}\n", "x".repeat(300))).collect();
    let ran = log.reads("add --lines", lines);
    let mut told: Vec<String> = String::from_utf8_lossy(&ran.stdout).lines().map(Into::into).collect();
    told.push(first);
    says_that_there_is_no_room(&ran.failed_after_printing());
    disk.make_room();
    is_whole_again(&log, &told);
}

#[test]
fn on_a_full_disk_appends_fail_and_the_rest_is_there_afterwards() {
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(&place, 80) else { return };
    let log = Log(disk.0.join("log"));
    let mut told = vec![log.append("first")];
    disk.fill(0);
    // A page may still have room for a small one, so it takes a few large ones, which cannot be compressed.
    let mut dice = Dice::cast("values");
    let mut lines = Vec::new();
    for _ in 0..5 {
        let value: String = (0..6_000).map(|_| format!("{:016x}", dice.below(u64::MAX))).collect();
        let ran = log.run(["append", &value]);
        match ran.status.success() {
            true => told.push(ran.done().trim_end().to_owned()),
            false => lines.push(ran.failed_after_printing()),
        }
    }
    assert!(lines.len() >= 4, "{lines:?}");
    lines.iter().for_each(|line| says_that_there_is_no_room(line));
    // A new log does not fit at all.
    let other = Log(disk.0.join("other"));
    says_that_there_is_no_room(&other.run(["append", "x"]).failed());
    disk.make_room();
    is_whole_again(&log, &told);
    other.append("fits");
    other.is_sound();
}

#[test]
fn an_export_and_a_backup_that_do_not_fit_are_failures() {
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(&place, 80) else { return };
    let log = place.log("log");
    let mut dice = Dice::cast("values");
    let lines: String = (0..100_000)
        .map(|n| format!("{:016x}{}", dice.below(u64::MAX), if n % 1_000 == 0 { "\n" } else { "" }))
        .collect();
    log.reads("add --lines", lines).done();
    disk.fill(512);
    let mut export = log.hyperlog();
    export.arg("export").stdout(File::create(disk.0.join("export")).unwrap());
    let output = export.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    says_that_there_is_no_room(&String::from_utf8_lossy(&output.stderr));
    fs::remove_file(disk.0.join("export")).unwrap();

    let backup = Log(disk.0.join("backup"));
    let line = log.fails(&format!("backup {}", backup.0.display()));
    says_that_there_is_no_room(&line);
    assert!(!backup.path("db").exists(), "half a backup looks like one");
    disk.make_room();
    log.does(&format!("backup {}", backup.0.display()));
    assert_eq!(backup.ids(), log.ids());
}
