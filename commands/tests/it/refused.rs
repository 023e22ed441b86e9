//! Folders that cannot be used as they are: one line that says why, nothing lost, and all is there again
//! when they are mended.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use level::{Batch, Durability, Fjall, Level, Read};

use crate::place::{Log, Place, copy, spawn};

const COMMANDS: [&str; 8] = ["add x", "append x", "list", "heads", "info", "fsck", "export", "import"];

/// Every command fails with one line that says all of this, and changes nothing.
#[track_caller]
fn all_fail(log: &Log, with: &[&str]) -> String {
    let mut line = String::new();
    for command in COMMANDS {
        line = log.fails(command);
        assert!(with.iter().all(|part| line.contains(part)), "{command}: {line}");
    }
    line
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_second_process_is_told_at_once_that_the_folder_is_in_use() {
    let place = Place::new();
    let log = place.log("a");
    log.append("one");
    let mut first = spawn(log.hyperlog().args(["-v", "add", "--lines"]));
    let mut said = String::new();
    BufReader::new(first.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("opened the log"), "{said}");
    for command in COMMANDS {
        let start = Instant::now();
        let line = log.fails(command);
        assert!(start.elapsed() < Duration::from_secs(5), "{command} waited");
        assert!(line.contains(&*log.0.to_string_lossy()) && line.contains("open elsewhere"), "{line}");
    }
    first.stdin.take().unwrap().write_all(b"two\n").unwrap();
    assert!(first.wait().unwrap().success());
    assert_eq!(log.nodes().len(), 2);
}

#[test]
fn a_folder_that_is_none_is_named() {
    let place = Place::new();
    let file = place.path().join("file");
    fs::write(&file, "precious").unwrap();
    for dir in [file.clone(), file.join("below"), file.join("further/below")] {
        all_fail(&Log(dir.clone()), &["cannot open the log in", &dir.to_string_lossy()]);
    }
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    // What lies where the database should is left alone, too.
    let log = place.log("a");
    fs::create_dir_all(log.path("db")).unwrap();
    fs::write(log.path("db/thesis.txt"), "precious").unwrap();
    all_fail(&log, &["is not a database", "nothing was changed"]);
    assert_eq!(fs::read(log.path("db/thesis.txt")).unwrap(), b"precious");
}

#[test]
fn a_folder_that_may_not_be_read_is_named() {
    let place = Place::new();
    let log = place.log("a");
    log.append("one");
    set_mode(&log.0, 0o000);
    if fs::read_dir(&log.0).is_ok() {
        eprintln!("skipped: the superuser may read everything");
    } else {
        all_fail(&log, &[&log.0.to_string_lossy(), "ermission denied"]);
    }
    set_mode(&log.0, 0o700);
    assert_eq!(log.nodes().len(), 1);
}

#[test]
fn a_key_that_others_can_read_is_refused_until_that_is_mended() {
    let place = Place::new();
    let log = place.log("a");
    log.append("one");
    let before = log.info();
    let key = log.path("identity");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&log.0).unwrap().permissions().mode() & 0o777, 0o700);
    for mode in [0o640, 0o604, 0o644, 0o666, 0o620] {
        set_mode(&key, mode);
        let line = all_fail(&log, &["can be read by others", "chmod 600", &key.to_string_lossy()]);
        assert!(line.contains(&format!("{mode:o}")), "{line}");
    }
    set_mode(&key, 0o400);
    assert_eq!(log.info(), before);
}

#[test]
fn an_identity_that_is_none_is_refused_until_it_is_put_back() {
    let place = Place::new();
    let log = place.log("a");
    log.append("one");
    let before = log.info();
    let key = log.path("identity");
    let good = fs::read(&key).unwrap();
    let bad: [&[u8]; 7] =
        [b"", b"\n", b"hello\n", &[0; 65], &[0xff; 65], &good[..63], &[&good[..], b"\n"].concat()];
    for bytes in bad {
        fs::write(&key, bytes).unwrap();
        let line = all_fail(&log, &["is not an identity", &key.to_string_lossy()]);
        assert!(!line.contains("hello"), "what is in a key file is never printed: {line}");
        assert_eq!(fs::read(&key).unwrap(), bytes, "it was touched");
    }
    let aside = place.path().join("aside");
    fs::write(&key, &good).unwrap();
    fs::rename(&key, &aside).unwrap();
    symlink(&aside, &key).unwrap();
    all_fail(&log, &[&key.to_string_lossy()]);
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    set_mode(&key, 0o700);
    all_fail(&log, &[&key.to_string_lossy()]);
    fs::remove_dir(&key).unwrap();
    fs::rename(&aside, &key).unwrap();
    assert_eq!(log.info(), before);
    log.append("two");
    assert_eq!(log.nodes()[1]["seq"], 2);
}

#[test]
fn a_log_of_a_newer_format_is_left_alone() {
    let place = Place::new();
    let log = place.log("a");
    log.append("one");
    let set_format = |format: u32| {
        let level = Fjall::open(log.path("db")).unwrap();
        let meta = level.sub("meta").unwrap();
        let mut row = level.get(meta, b"f").unwrap().unwrap().to_vec();
        row[..4].copy_from_slice(&format.to_be_bytes());
        let mut batch = Batch::new();
        batch.put(meta, b"f".to_vec(), row);
        level.apply(batch, Durability::Synced).unwrap();
    };
    for format in [4, 0xffff_ffff] {
        set_format(format);
        let wanted = format!("has format {format}, this program knows up to 3: use a newer program");
        all_fail(&log, &[&wanted]);
        let line = log.scuttles(["read"]).failed();
        assert!(line.contains(&wanted), "{line}");
    }
    set_format(3);
    assert_eq!(log.nodes().len(), 1);
    log.is_sound();
}

#[test]
fn the_log_of_the_other_program_is_left_alone() {
    let place = Place::new();
    let (graph, plain) = (place.log("a"), place.log("b"));
    graph.append("one");
    plain.scuttles(["append", "one"]).done();
    all_fail(&plain, &["this is a scuttleup log, not a hyperlog log", &plain.0.to_string_lossy()]);
    let line = graph.scuttles(["append", "two"]).failed();
    assert!(line.contains("this is a hyperlog log, not a scuttleup log"), "{line}");
    assert_eq!(graph.nodes().len(), 1);
    assert_eq!(plain.scuttles(["read"]).done().lines().count(), 1);
}

#[test]
fn a_sidecar_that_is_none_is_named_and_its_absence_is_mended() {
    let place = Place::new();
    let log = place.log("a");
    log.append("one");
    let sidecar = log.path("sidecar");
    let good = fs::read(&sidecar).unwrap();
    fs::write(&sidecar, vec![7; 2_000]).unwrap();
    all_fail(&log, &["sidecar"]);
    fs::write(&sidecar, &good).unwrap();
    log.append("two");
    fs::remove_file(&sidecar).unwrap();
    log.append("three");
    assert!(sidecar.exists());
    assert_eq!(log.nodes()[2]["seq"], 3);
}

#[test]
fn a_database_that_is_damaged_says_so_and_its_copy_is_whole() {
    let place = Place::new();
    let (log, kept) = (place.log("a"), place.log("kept"));
    log.reads("add --lines", "1\n2\n3\n").done();
    log.clone_to(&kept);
    let ids = log.ids();
    for file in ["version", "0.jnl"] {
        let path = log.path("db").join(file);
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 0xff;
        fs::write(&path, bytes).unwrap();
        all_fail(&log, &[&*log.0.to_string_lossy()]);
        copy(&kept.path("db").join(file), &path);
        assert_eq!(log.ids(), ids);
    }
}
