//! From a log to a database: a map that only authorized writers write.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

use std::path::Path;

use hyperkv::disk::Folder;
use hyperkv::{HyperKv, NodeId, Utf8};
use hyperlog::WriterId;
use hyperlog_writers::{Channel, Keep, NotAuthorized, Role};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Names and what they stand for.
pub type Map = HyperKv<Utf8>;

/// Founds a channel in an empty folder. The key of its root goes into the new file `recovery`.
pub fn found(folder: &Folder, name: &str, recovery: &Path) -> Result<Channel> {
    // 1. There is a call that founds a channel in a folder.
    todo!("1: found a channel")
}

/// Opens a channel in a folder, by its key as text.
pub fn open(folder: &Folder, key: &str) -> Result<Channel> {
    // 2. Make a `ChannelKey` of the text, and open the channel by it.
    todo!("2: open a channel by its key")
}

/// The map over the log of a channel. Its view lies in the folder, too.
pub fn map(folder: &Folder, channel: &Channel) -> Result<Map> {
    // 3. A map can be opened over a log that is open already.
    todo!("3: open a map over the channel")
}

/// Gives a key a value. Says why, if the local writer may not; anything else that goes wrong is an error.
pub fn put(map: &Map, key: &str, value: &str) -> Result<Option<NotAuthorized>> {
    // 4. Put it. If that fails, look whether a `NotAuthorized` is behind the error.
    todo!("4: put, and say why not")
}

/// Lets a writer write data.
pub fn authorize(channel: &Channel, writer: WriterId) -> Result<()> {
    // 5. Authorize it, in the lowest role.
    todo!("5: authorize a writer")
}

/// Says goodbye to a writer: all that is here of it stays.
pub fn dismiss(channel: &Channel, writer: WriterId) -> Result<()> {
    // 6. Revoke what was granted to its key, and keep what is here.
    todo!("6: revoke, and keep what is here")
}

/// Ends what a thief does with a writer's key: `last` and all before it stays.
pub fn cut(channel: &Channel, writer: WriterId, last: NodeId) -> Result<()> {
    // 7. As before, but only what stands up to `last` is kept.
    todo!("7: revoke, and keep what stands before a theft")
}
