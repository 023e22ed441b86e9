//! The chat: opened, heard, connected, and who may come in.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

use std::path::Path;

use hyperlog::News;
use replicate::Report;
use saga::disk::Folder;
use saga::{Door, Event, Events, Role, Saga, WriterId, signed_name};
use tokio::net::TcpStream;

/// `?` turns any error into this one, which may go from one thread to another.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Opens the chat in the folder `path`: with a key, that channel; without one, that which is there, or a new one.
pub fn open(path: &Path, key: Option<&str>, username: &str, door: Door) -> Result<Saga> {
    // 1. Open the folder, make a key of the text, if there is one, and open the chat with that door. The key of a root, if one
    //    is made, goes beside the folder, into a file `.recovery`.
    todo!("1: open a chat in a folder")
}

/// Calls `heard` with each message once, over restarts, as `ana~k3f7q2ab: hello`. Never ends.
pub async fn listen(saga: &Saga, heard: impl FnMut(String)) -> Result<()> {
    // 2. Subscribe, under any name. Wait for one message after the other, and say who it is from.
    todo!("2: hear each message once")
}

/// Talks over a connection, until one side leaves.
pub async fn talk(saga: &Saga, socket: TcpStream) -> Result<Report> {
    // 3. Replicate over the connection.
    todo!("3: talk over a connection")
}

/// Calls `told` with what happens: `ana~k3f7q2ab is here`, `ana~k3f7q2ab has left`, `ana~k3f7q2ab asks`. Never ends.
pub async fn watch(events: Events, told: impl FnMut(String)) {
    // 4. Wait for one event after the other. Somebody comes, leaves, or asks to write; all else is passed over.
    todo!("4: tell who comes, leaves and asks")
}

/// Lets somebody write: by name, name and fingerprint, or key. Says whom.
pub fn let_in(saga: &Saga, who: &str) -> Result<WriterId> {
    // 5. Find out whose key is meant, and invite it, as a writer.
    todo!("5: let somebody write")
}

/// Ends that somebody writes. What is here of it stays.
pub fn put_out(saga: &Saga, who: &str) -> Result<()> {
    // 6. Find out whose key is meant, and remove it.
    todo!("6: remove somebody")
}
