//! Distribute it: a chat that is a log, over sockets.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

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
    // 1. As in step 02: open the folder, and the log in it.
    todo!("1: open a log in a folder")
}

/// Appends a message as JSON, and says which number it got.
pub fn say(log: &Log, username: &str, message: &str) -> Result<Seq> {
    // 2. Make a `Said` of it, make JSON of that, and append it.
    todo!("2: append a message as JSON")
}

/// Reads the log and then what comes, and calls `heard` with each message. Never ends. What is no message, it skips.
pub async fn listen(log: &Log, heard: impl FnMut(Said)) -> Result<()> {
    // 3. Read live. `recv().await` waits for the next entry and lets others go on meanwhile.
    todo!("3: read messages as they come")
}

/// Syncs the log over a connection, and goes on until one side leaves.
pub async fn talk(log: &Log, socket: TcpStream) -> Result<Report> {
    // 4. Make a session of the log, which is live and has the limits for a socket, and run it over the socket.
    todo!("4: sync over a connection")
}

/// Talks to everybody who connects, to all at the same time.
pub async fn accept(log: Log, listener: TcpListener) -> Result<()> {
    // 5. Accept one connection after the other. Talk over each in a task of its own, and say with `ended` how that ended.
    todo!("5: accept connections")
}

/// Talks to who is at `address`. Who is not there, or left, is called again.
pub async fn connect(log: Log, address: String) {
    // 6. Connect, talk, and say with `ended` how that ended. Then wait for `PATIENCE`, and again.
    todo!("6: connect, and connect again")
}

/// Says on standard error how a session ended.
fn ended(with: &str, talked: Result<Report>) {
    match talked {
        Ok(report) => eprintln!("* {with} left: received {}, sent {}", report.received, report.sent),
        Err(error) => eprintln!("* {with} left: {}", error.source().unwrap_or(&*error)),
    }
}
