//! Channels in folders, and where the root key goes.
#![expect(clippy::disallowed_methods, reason = "a test of files")]

use std::os::unix::fs::PermissionsExt;

use hyperlog::disk::{Folder, FolderError, read_identity};
use hyperlog_writers::{Channel, FoundError, Role};

use crate::support::key;

fn found(folder: &Folder, recovery: &std::path::Path) -> Result<Channel, FoundError> {
    Channel::found_in(folder, "test", recovery)
}

#[test]
fn the_root_key_lies_in_a_file_of_its_own_and_opens_the_channel() {
    let dir = tempfile::tempdir().unwrap();
    let recovery = dir.path().join("recovery");
    let folder = Folder::open(dir.path().join("ana")).unwrap();
    let channel = found(&folder, &recovery).unwrap();
    assert_eq!(recovery.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let root = read_identity(&recovery).unwrap().unwrap();
    assert_eq!(root.writer(), channel.genesis().unwrap().unwrap().root);
    let rescue = Channel::<hyperlog::Binary>::open(hyperlog::Memory::new(), root, channel.key()).unwrap();
    replicate::sync(rescue.log(), channel.log()).unwrap();
    rescue.authorize(key(7), Role::Admin).unwrap();
    let key_of = channel.key();
    drop((channel, folder));
    let folder = Folder::open(dir.path().join("ana")).unwrap();
    assert_eq!(folder.topic().unwrap(), Some(key_of.topic()));
    let again: Channel = Channel::open_in(&folder, key_of).unwrap();
    assert!(again.authorized(&again.log().writer()).unwrap());
}

#[test]
fn the_root_key_is_not_kept_beside_the_log_and_replaces_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path().join("ana")).unwrap();
    for inside in ["recovery", "db/recovery", "../ana/recovery"] {
        let refused = found(&folder, &folder.path().join(inside)).unwrap_err();
        assert!(matches!(refused, FoundError::RecoveryInside), "{inside}: {refused:?}");
    }
    let recovery = dir.path().join("recovery");
    std::fs::write(&recovery, "mine").unwrap();
    let refused = found(&folder, &recovery).unwrap_err();
    assert!(matches!(refused, FoundError::Folder(FolderError::Exists { .. })), "{refused:?}");
    assert_eq!(std::fs::read(&recovery).unwrap(), b"mine");
    found(&folder, &dir.path().join("other")).unwrap();
    assert!(matches!(found(&folder, &dir.path().join("third")), Err(FoundError::NotEmpty)));
    assert!(!dir.path().join("third").exists(), "no key for what cannot be founded");
}

#[test]
fn nothing_is_founded_where_a_database_was_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ana");
    hyperlog::Hyperlog::<hyperlog::Utf8>::open_in(&Folder::open(&path).unwrap())
        .unwrap()
        .append("old")
        .unwrap();
    std::fs::remove_dir_all(path.join("db")).unwrap();
    let folder = Folder::open(&path).unwrap();
    let refused = found(&folder, &dir.path().join("recovery")).unwrap_err();
    assert!(
        matches!(&refused, FoundError::Log(hyperlog::Error::Log(hyperlog::LogError::NeedsCatchUp { .. }))),
        "{refused:?}"
    );
    assert!(!dir.path().join("recovery").exists());
}
