//! Making a folder one of a channel.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hyperlog::disk::{Folder, FolderError};
use hyperlog::{Binary, OpenError};
use hyperlog_writers::{Channel, ChannelKey, FoundError};
use serde_json::json;

use super::who::READER;
use super::{Own, print};
use crate::cli::{Common, say};
use crate::error::Failure;
use crate::show;

/// Founds a channel where nothing is yet.
pub(super) fn found(
    common: &Common,
    folder: &Folder,
    name: &str,
    recovery: Option<PathBuf>,
) -> Result<(), Failure> {
    // Looked at first, for the better words. No key is made before.
    if let Some(key) = common.channel_key(folder)? {
        return Err(Failure::IsChannel { dir: common.dir(), key });
    }
    let recovery = recovery.unwrap_or_else(|| beside(folder.path()));
    check_elsewhere(folder.path(), &recovery)?;
    let channel: Channel = Channel::found_in(folder, name, &recovery).map_err(|error| match error {
        FoundError::Folder(FolderError::Exists { path }) => Failure::RecoveryExists { path },
        error => Failure::from(error),
    })?;
    let key = channel.key();
    let file = recovery.to_string_lossy();
    let object = json!({
        "channel": key.to_string(), "name": name, "writer": channel.log().writer().to_string(), "recovery": file,
    });
    // Before the key, which somebody may not read to its end.
    say(&format!("the recovery key is in {}: keep it elsewhere", show::one_line(&file)));
    say("it is needed when the admins lose their keys, or these are stolen");
    say(
        "to use it: put it as `identity` into a new folder, then `open KEY` there, sync, `authorize` or `revoke`",
    );
    say("others read with `open KEY`; `authorize` lets them write; KEY is what is printed here");
    print(common.json, &object, &key.to_string())
}

/// The path of a folder with `.recovery` appended.
fn beside(dir: &Path) -> PathBuf {
    // `.` and `..` have no name to append to.
    let named = if dir.file_name().is_some() { None } else { dir.canonicalize().ok() };
    // Without what stands after the name, as in `ana/`.
    let mut path: OsString = named.as_deref().unwrap_or(dir).components().as_path().into();
    path.push(".recovery");
    path.into()
}

/// Refuses a place in the folder of the log: who gets hold of one would have both.
fn check_elsewhere(dir: &Path, recovery: &Path) -> Result<(), Failure> {
    let parent = recovery.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).canonicalize();
    // One that cannot be followed cannot be written to, either.
    match (parent, dir.canonicalize()) {
        (Ok(parent), Ok(dir)) if parent.starts_with(&dir) => {
            Err(Failure::RecoveryInside { path: recovery.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Makes the folder one of the channel, or finds it so.
pub(super) fn open(common: &Common, folder: &Folder, key: ChannelKey) -> Result<(), Failure> {
    let writer = folder.identity().writer();
    if *writer.as_bytes() == *key.topic().as_bytes() {
        return Err(Failure::OwnKey);
    }
    let here = common.channel_key(folder)?;
    if here != Some(key) {
        // Whether there is anything that must stay what it is, the log knows.
        let opened = Channel::<Binary>::open_in(folder, key).map_err(|error| match (error, here) {
            (OpenError::OtherTopic, Some(here)) => Failure::IsChannel { dir: common.dir(), key: here },
            (OpenError::OtherKind { found, .. }, None) if found == show::OPEN_LOG => {
                Failure::IsOpenLog { dir: common.dir() }
            }
            (error, _) => common.open_failed()(error),
        })?;
        drop(opened);
    }
    let channel = super::channel(common, folder)?;
    let own = Own::of(&channel)?;
    let object = json!({
        "channel": key.to_string(), "name": own.name, "writer": writer.to_string(), "role": own.role,
    });
    print(common.json, &object, &writer.to_string())?;
    match own.role.as_deref() {
        None => {
            say("nothing of the channel is here yet: sync first");
            say("unless this is the recovery key, an admin has to authorize it as well");
        }
        Some(READER) => say(
            "it can read and pass on what it syncs; to write, hand its key to an admin, who runs `authorize` with it, and sync",
        ),
        Some(_) => say(&own.line(key)),
    }
    Ok(())
}
