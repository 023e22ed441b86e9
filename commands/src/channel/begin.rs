//! Making a folder one of a channel.

use std::path::PathBuf;

use hyperlog::disk::Folder;
use hyperlog::{Binary, OpenError};
use hyperlog_writers::{Channel, ChannelKey};
use serde_json::json;

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
    let recovery = recovery.unwrap_or_else(|| folder.path().join("recovery"));
    let channel: Channel = Channel::found_in(folder, name, &recovery).map_err(Failure::from)?;
    let key = channel.key();
    let file = recovery.to_string_lossy();
    let object = json!({
        "channel": key.to_string(), "name": name, "writer": channel.log().writer().to_string(), "recovery": file,
    });
    // Before the key, which somebody may not read to its end.
    say(&format!("the recovery key is in {}: move it to a safe place, elsewhere", show::one_line(&file)));
    say("who has it can authorize and revoke anybody; it is needed when the admins have lost their keys");
    say("others read with `open` and the channel's key; `authorize` lets them write");
    print(common.json, &object, &key.to_string())
}

/// The kind of log where everybody may write.
const OPEN_LOG: &str = "hyperlog";

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
            (OpenError::OtherKind { found, .. }, None) if found == OPEN_LOG => {
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
    if own.may_write() {
        say(&own.line(key));
    } else {
        say(
            "it can read and pass on what it syncs; to write, hand its key to an admin, who runs `authorize` with it, and sync",
        );
    }
    Ok(())
}
