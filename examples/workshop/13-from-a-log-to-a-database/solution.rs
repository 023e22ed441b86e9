//! From a log to a database: a map that only authorized writers write.

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
    Ok(Channel::found_in(folder, name, recovery)?)
}

/// Opens a channel in a folder, by its key as text.
pub fn open(folder: &Folder, key: &str) -> Result<Channel> {
    Ok(Channel::open_in(folder, key.parse()?)?)
}

/// The map over the log of a channel. Its view lies in the folder, too.
pub fn map(folder: &Folder, channel: &Channel) -> Result<Map> {
    Ok(HyperKv::over(channel.log(), folder.level())?)
}

/// Gives a key a value. Says why, if the local writer may not; anything else that goes wrong is an error.
pub fn put(map: &Map, key: &str, value: &str) -> Result<Option<NotAuthorized>> {
    let Err(error) = map.put(key, value) else { return Ok(None) };
    match NotAuthorized::behind(&error) {
        Some(why) => Ok(Some(why.clone())),
        None => Err(error.into()),
    }
}

/// Lets a writer write data.
pub fn authorize(channel: &Channel, writer: WriterId) -> Result<()> {
    channel.authorize(writer, Role::Writer)?;
    Ok(())
}

/// Says goodbye to a writer: all that is here of it stays.
pub fn dismiss(channel: &Channel, writer: WriterId) -> Result<()> {
    channel.revoke_key(&writer, Keep::Here)?;
    Ok(())
}

/// Ends what a thief does with a writer's key: `last` and all before it stays.
pub fn cut(channel: &Channel, writer: WriterId, last: NodeId) -> Result<()> {
    channel.revoke_key(&writer, Keep::Only(vec![last]))?;
    Ok(())
}
