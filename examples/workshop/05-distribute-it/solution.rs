//! Distribute it: a chat that is a log, over sockets.

use std::path::Path;
use std::time::Duration;

use replicate::{Limits, Options, Report, Session};
use scuttleup::disk::Folder;
use scuttleup::{Log, Read, Seq};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};

/// `?` turns any error into this one, which may go from one thread to another.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How long to wait before somebody who is not there is called again.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is said, as the log keeps it: `{"username": "ana", "message": "hello"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Who says it, or so it says.
    pub username: String,
    /// What.
    pub message: String,
}

/// Opens the log in the folder `path`, and makes it on first use.
pub fn open(path: &Path) -> Result<Log> {
    Ok(Folder::open(path)?.log()?)
}

/// Appends a message as JSON, and says which number it got.
pub fn say(log: &Log, username: &str, message: &str) -> Result<Seq> {
    let said = Said { username: username.to_owned(), message: message.to_owned() };
    Ok(log.append(serde_json::to_vec(&said)?)?.seq)
}

/// Reads the log and then what comes, and calls `heard` with each message. Never ends. What is no message, it skips.
pub async fn listen(log: &Log, mut heard: impl FnMut(Said)) -> Result<()> {
    let mut entries = log.read(Read::all().live(true));
    while let Some(entry) = entries.recv().await {
        let entry = entry?;
        let bytes = entry.value().bytes().cloned().unwrap_or_default();
        if let Ok(said) = serde_json::from_slice(&bytes) {
            heard(said);
        }
    }
    Ok(())
}

/// Syncs the log over a connection, and goes on until one side leaves.
pub async fn talk(log: &Log, socket: TcpStream) -> Result<Report> {
    let options = Options::default().live(true).limits(Limits::on_a_socket());
    let session = Session::new(log, options, Duration::ZERO)?;
    Ok(replicate::run(session, socket).await?)
}

/// Talks to everybody who connects, to all at the same time.
pub async fn accept(log: Log, listener: TcpListener) -> Result<()> {
    loop {
        let (socket, address) = listener.accept().await?;
        let log = log.clone();
        tokio::spawn(async move { ended(&address.to_string(), talk(&log, socket).await) });
    }
}

/// Talks to who is at `address`. Who is not there, or left, is called again.
pub async fn connect(log: Log, address: String) {
    loop {
        if let Ok(socket) = TcpStream::connect(&address).await {
            ended(&address, talk(&log, socket).await);
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

/// Says on standard error how a session ended.
fn ended(with: &str, talked: Result<Report>) {
    match talked {
        Ok(report) => eprintln!("* {with} left: received {}, sent {}", report.received, report.sent),
        Err(error) => eprintln!("* {with} left: {}", error.source().unwrap_or(&*error)),
    }
}
