//! A log in a folder: the key, the sidecar and the lock.
#![expect(clippy::disallowed_methods, reason = "files are what is tested here")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use scuttleup::disk::{Folder, FolderError, SidecarFile, make_identity, read_identity};
use scuttleup::{EntryId, Error, Log, Mark, OpenError, Read, Seq, Sidecar, Topic};

use crate::support::{assert_clean, export, identity, import, log, values};

fn open(path: &Path) -> Log {
    let folder = Folder::open(path).unwrap();
    folder.options().open(folder.level(), folder.identity()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// SC-15: each open is as a new process.
#[test]
fn numbers_and_the_peer_id_survive_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let first = Folder::open(&path).unwrap();
    assert!(first.has_new_identity());
    let writer = first.identity().writer();
    drop(first);
    for n in 1..=3 {
        let log = open(&path);
        assert_eq!(log.append("hello world").unwrap().seq, Seq(n));
        assert_eq!(log.writer(), writer);
        assert_eq!(log.read(Read::all()).count() as u64, n);
        assert_eq!(log.opened().lost_commits, 0);
    }
    assert!(!Folder::open(&path).unwrap().has_new_identity());
    assert_clean(&open(&path));
}

/// With a umask of 0, so that nothing else takes bits away: in a process of its own, since a umask is of a process.
#[test]
fn the_identity_is_for_its_owner_alone_under_any_umask() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(path) = std::env::var_os("SCUTTLEUP_TEST_MAKE_FOLDER") {
        drop(Folder::open(&path).unwrap());
        make_identity(&Path::new(&path).join("recovery")).unwrap();
        return;
    }
    let path = dir.path().join("log");
    let control = dir.path().join("control");
    let script = r#"umask 0; : > "$CONTROL"; exec "$0" --exact disk::the_identity_is_for_its_owner_alone_under_any_umask"#;
    let status = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env("SCUTTLEUP_TEST_MAKE_FOLDER", &path)
        .env("CONTROL", &control)
        .output()
        .unwrap();
    assert!(status.status.success(), "{status:?}");
    assert_eq!(mode(&control), 0o666, "the umask was 0");
    assert_eq!(mode(&path.join("identity")), 0o600);
    assert_eq!(mode(&path.join("recovery")), 0o600);
    assert_eq!(mode(&path), 0o700);
    drop(open(&path));
    assert_eq!(mode(&path.join("sidecar")), 0o600);
}

#[test]
fn an_identity_that_others_can_read_is_refused_with_its_mode() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let file = dir.path().join("identity");
    for bad in [0o640, 0o604, 0o660, 0o666, 0o610, 0o601] {
        fs::set_permissions(&file, fs::Permissions::from_mode(bad)).unwrap();
        let error = Folder::open(dir.path()).unwrap_err();
        assert!(matches!(error, FolderError::Readable { mode, .. } if mode == bad), "{error}");
        assert!(error.to_string().contains(&format!("{bad:03o}")) && error.to_string().contains("chmod 600"));
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    drop(open(dir.path()));
}

#[test]
fn a_link_in_place_of_the_identity_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let (file, elsewhere) = (dir.path().join("identity"), dir.path().join("elsewhere"));
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert!(matches!(Folder::open(dir.path()), Err(FolderError::Io { .. })));
    // Also one that leads nowhere: nothing is written through it.
    fs::remove_file(&elsewhere).unwrap();
    assert!(matches!(Folder::open(dir.path()), Err(FolderError::Io { .. })));
    assert!(!elsewhere.exists());
}

#[test]
fn an_identity_file_that_holds_something_else_is_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let file = dir.path().join("identity");
    let good = fs::read(&file).unwrap();
    assert_eq!(good.len(), 65);
    let bad: [&[u8]; 8] = [
        b"",
        b"\n",
        b"garbage",
        &[0xff; 65],
        &good[..63],
        &[&good[..64], b"\n\n".as_slice()].concat(),
        &[&good[..64], b"0".as_slice()].concat(),
        &[b'0'; 100_000],
    ];
    for bad in bad {
        fs::write(&file, bad).unwrap();
        let error = Folder::open(dir.path()).unwrap_err();
        assert!(matches!(error, FolderError::NotAnIdentity { .. }), "{error}");
        assert!(error.to_string().contains("64 hexadecimal digits"));
        assert_eq!(fs::read(&file).unwrap(), bad, "nothing was written over it");
    }
    let text = String::from_utf8(good.clone()).unwrap();
    fs::write(&file, text.trim_end()).unwrap();
    let writer = open(dir.path()).writer();
    fs::write(&file, good).unwrap();
    assert_eq!(open(dir.path()).writer(), writer, "with or without the end of the line");
    let folder = Folder::open(dir.path()).unwrap();
    let shown = format!("{folder:?} {:?} {:?}", folder.identity(), folder.sidecar());
    assert!(!shown.contains(text.trim_end()), "{shown}");
}

#[test]
fn a_second_opening_is_locked_out() {
    let dir = tempfile::tempdir().unwrap();
    let first = Folder::open(dir.path()).unwrap();
    assert!(matches!(Folder::open(dir.path()), Err(FolderError::Level(level::Error::Locked { .. }))));
    let log = first.options().open(first.level(), first.identity()).unwrap();
    drop(first);
    assert!(matches!(Folder::open(dir.path()), Err(FolderError::Level(level::Error::Locked { .. }))));
    drop(log);
    assert!(Folder::open(dir.path()).is_ok());
}

fn mark(n: u64) -> Mark {
    let id = EntryId::from_bytes([n as u8; 32]);
    Mark { writer: identity(1).writer(), last: (n > 0).then_some((Seq(n), id)), commits: n }
}

#[test]
fn a_torn_slot_of_the_sidecar_leaves_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sidecar");
    assert_eq!(SidecarFile::new(path.clone()).load().unwrap(), None);
    for n in 1..=5 {
        SidecarFile::new(path.clone()).store(&mark(n), n % 2 == 0).unwrap();
        assert_eq!(SidecarFile::new(path.clone()).load().unwrap(), Some(mark(n)));
    }
    let good = fs::read(&path).unwrap();
    let slots = [0..128, 512..640];
    for at in slots.iter().flat_map(Clone::clone) {
        let mut torn = good.clone();
        torn[at] ^= 1;
        fs::write(&path, &torn).unwrap();
        // The fifth lies in the second slot.
        let left = if at < 512 { 5 } else { 4 };
        let sidecar = SidecarFile::new(path.clone());
        assert_eq!(sidecar.load().unwrap(), Some(mark(left)), "byte {at}");
        sidecar.store(&mark(6), true).unwrap();
        assert_eq!(SidecarFile::new(path.clone()).load().unwrap(), Some(mark(6)));
    }
    for cut in [512 + 1, 512 + 127] {
        fs::write(&path, &good[..cut]).unwrap();
        assert_eq!(SidecarFile::new(path.clone()).load().unwrap(), Some(mark(4)), "cut at {cut}");
    }
    let mut both = good;
    (both[20], both[520]) = (!both[20], !both[520]);
    fs::write(&path, both).unwrap();
    let error = SidecarFile::new(path).load().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}

#[test]
fn a_log_with_a_sidecar_that_cannot_be_read_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).append("1").unwrap();
    let path = dir.path().join("sidecar");
    let good = fs::read(&path).unwrap();
    fs::write(&path, vec![0xee; good.len()]).unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let error = folder.options().open(folder.level(), folder.identity()).unwrap_err();
    assert!(matches!(error, OpenError::Sidecar(_)), "{error}");
    drop(folder);
    fs::write(&path, good).unwrap();
    assert_eq!(open(dir.path()).append("2").unwrap().seq, Seq(2));
}

#[test]
fn an_old_database_beside_its_sidecar_has_to_catch_up_and_a_new_identity_has_not() {
    let dir = tempfile::tempdir().unwrap();
    let (path, kept) = (dir.path().join("log"), dir.path().join("old"));
    open(&path).append("1").unwrap();
    copy_folder(&path.join("db"), &kept);
    let elsewhere = log(9);
    {
        let log = open(&path);
        log.append("2").unwrap();
        import(&elsewhere, &export(&log));
    }
    fs::remove_dir_all(path.join("db")).unwrap();
    copy_folder(&kept, &path.join("db"));
    let old = open(&path);
    assert_eq!(values(&old), ["1"]);
    assert!(matches!(old.append("no"), Err(Error::NeedsCatchUp { seq: Seq(2), .. })));
    drop(old);
    let old = open(&path);
    assert!(matches!(old.append("no"), Err(Error::NeedsCatchUp { .. })), "it does not forget");
    import(&old, &export(&elsewhere));
    assert_eq!(old.append("3").unwrap().seq, Seq(3));
    drop(old);
    // Behind once more; this time the user goes on as somebody else, and the sidecar says nothing about that one.
    fs::remove_dir_all(path.join("db")).unwrap();
    copy_folder(&kept, &path.join("db"));
    fs::rename(path.join("identity"), dir.path().join("moved")).unwrap();
    let new = open(&path);
    assert_eq!(new.append("new").unwrap().seq, Seq(1));
    assert_clean(&new);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_draft_of_an_identity_that_a_crash_left_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("identity.new"), "half").unwrap();
    drop(open(dir.path()));
    assert!(!dir.path().join("identity.new").exists());
}

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn an_identity_in_a_file_of_its_own_is_read_as_it_was_made() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("recovery.key");
    assert!(read_identity(&file).unwrap().is_none());
    let made = make_identity(&file).unwrap();
    assert_eq!(read_identity(&file).unwrap().unwrap().writer(), made.writer());
    assert_eq!((mode(&file), fs::read(&file).unwrap().len()), (0o600, 65));
    assert_eq!(names(dir.path()), ["recovery.key"], "no draft is left");
    let nowhere = make_identity(&dir.path().join("no folder").join("key")).unwrap_err();
    assert!(matches!(nowhere, FolderError::Io { .. }), "{nowhere}");
    for bad in [0o640, 0o604, 0o666] {
        fs::set_permissions(&file, fs::Permissions::from_mode(bad)).unwrap();
        let error = read_identity(&file).unwrap_err();
        assert!(matches!(error, FolderError::Readable { mode, .. } if mode == bad), "{error}");
    }
}

#[test]
fn a_new_identity_takes_the_place_of_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let first = make_identity(&at("key")).unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::create_dir(at("folder")).unwrap();
    symlink(at("key"), at("link")).unwrap();
    symlink(at("nothing"), at("dangling")).unwrap();
    let before = names(dir.path()).len();
    for name in ["key", "empty", "folder", "link", "dangling"] {
        let error = make_identity(&at(name)).unwrap_err();
        assert!(matches!(&error, FolderError::Exists { path } if *path == at(name)), "{error}");
        assert!(error.to_string().contains("is there already"));
    }
    assert_eq!(names(dir.path()).len(), before, "neither drafts, nor what a link leads to");
    assert_eq!(read_identity(&at("key")).unwrap().unwrap().writer(), first.writer());
    assert_eq!(fs::read(at("empty")).unwrap(), b"");
}

#[test]
fn of_many_who_make_an_identity_at_once_one_does() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let file = dir.path().join(round.to_string());
        let made: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| make_identity(&file))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (made, refused): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
        assert_eq!(made.len(), 1);
        let writer = made.into_iter().next().unwrap().unwrap().writer();
        assert_eq!(read_identity(&file).unwrap().unwrap().writer(), writer);
        assert!(refused.iter().all(|error| matches!(error, Err(FolderError::Exists { .. }))), "{refused:?}");
    }
    assert_eq!(names(dir.path()).len(), 20);
}

#[test]
fn a_folder_tells_the_topic_of_its_log_without_opening_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    assert_eq!(folder.topic().unwrap(), None);
    let topic = Topic::from_bytes([7; 32]);
    drop(folder.options().topic(topic).open(folder.level(), folder.identity()).unwrap());
    assert_eq!(folder.topic().unwrap(), Some(topic));
    drop(folder);
    assert_eq!(Folder::open(dir.path()).unwrap().topic().unwrap(), Some(topic));
}
