//! The chat: opened, heard, connected, and who may come in.

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
    let folder = Folder::open(path)?;
    let key = key.map(str::parse).transpose()?;
    let recovery = path.with_extension("recovery");
    Ok(Saga::options().door(door).open_in(&folder, key, username, &recovery)?)
}

/// Calls `heard` with each message once, over restarts, as `ana~k3f7q2ab: hello`. Never ends.
pub async fn listen(saga: &Saga, mut heard: impl FnMut(String)) -> Result<()> {
    let mut feed = saga.subscribe("screen")?;
    while let Some(message) = feed.recv().await {
        let message = message?;
        heard(format!("{}: {}", signed_name(&message.username, &message.writer), message.text));
    }
    Ok(())
}

/// Talks over a connection, until one side leaves.
pub async fn talk(saga: &Saga, socket: TcpStream) -> Result<Report> {
    Ok(saga.replicate(socket).await?)
}

/// Calls `told` with what happens: `ana~k3f7q2ab is here`, `ana~k3f7q2ab has left`, `ana~k3f7q2ab asks`. Never ends.
pub async fn watch(mut events: Events, mut told: impl FnMut(String)) {
    while let Some(news) = events.recv().await {
        match news {
            News::Event(Event::Join(user)) => {
                told(format!("{} is here", signed_name(&user.username, &user.key)));
            }
            News::Event(Event::Leave(user)) => {
                told(format!("{} has left", signed_name(&user.username, &user.key)));
            }
            News::Event(Event::Request(request)) => {
                told(format!("{} asks", signed_name(&request.username, &request.key)));
            }
            _ => {}
        }
    }
}

/// Lets somebody write: by name, name and fingerprint, or key. Says whom.
pub fn let_in(saga: &Saga, who: &str) -> Result<WriterId> {
    let key = saga.find(who)?;
    saga.invite(key, Role::Writer)?;
    Ok(key)
}

/// Ends that somebody writes. What is here of it stays.
pub fn put_out(saga: &Saga, who: &str) -> Result<()> {
    let key = saga.find(who)?;
    saga.remove(&key)?;
    Ok(())
}
