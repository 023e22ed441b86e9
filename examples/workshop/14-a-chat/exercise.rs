//! A chat: messages in a map that only members write.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use hyperkv::disk::Folder;
use hyperkv::{HyperKv, Json, Read, Writes, Written};
use hyperlog::WriterId;
use hyperlog_writers::{Channel, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A message, as the map keeps it: `{"key": "messages/1f..", "message": "hello", "username": "ana", "timestamp": 1700000000000}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its key in the map.
    pub key: String,
    /// What it says.
    pub message: String,
    /// What its author calls itself.
    pub username: String,
    /// When it was written, by its author's clock: milliseconds since 1970.
    pub timestamp: u64,
}

/// A chat.
pub struct Saga {
    /// The channel: who may write.
    pub channel: Channel,
    /// The map over it: what was written.
    pub db: HyperKv<Json<Value>>,
    /// What I call myself.
    pub username: String,
    /// Whose messages are here, by key, and what each called itself last.
    pub users: BTreeMap<WriterId, String>,
    /// The messages, in the order in which they came here.
    pub messages: Vec<Message>,
    /// When the chat was opened: milliseconds since 1970.
    pub timestamp: u64,
    /// Reads the map, and knows how far it is.
    writes: Writes<Json<Value>>,
}

impl Saga {
    /// Opens a chat in a folder: with a key, that channel; without one, it founds one, which is named after the user.
    pub fn open(folder: &Folder, key: Option<&str>, username: &str) -> Result<Self> {
        // 1. Open the channel, or found it: the key of its root goes beside the folder, into a file `.recovery`. Open the
        //    map over it, and a reader of its writes, which is live. Nobody and nothing is here yet.
        todo!("1: open a channel, a map over it, and a reader")
    }

    /// Writes a message under a key of its own below `messages/`, and returns the key.
    pub fn write_message(&self, text: &str) -> Result<String> {
        // 2. Make a key and a `Message`, and put it as JSON. `unique()` and `now()` are below.
        todo!("2: put a message under a key of its own")
    }

    /// The message that a write of the map is. None if it is something else, or makes no sense.
    pub fn read(written: &Written<Value>) -> Option<Message> {
        // 3. It is one if its key begins with `messages/`, its value is a `Message`, and that has the same key.
        todo!("3: read a message out of a write")
    }

    /// Takes all messages that are here already.
    pub fn initialize(&mut self) -> Result<()> {
        // 4. Ask the reader for what there is, and `take` each write. It must not wait.
        todo!("4: take what is here already")
    }

    /// Waits for the next message, whoever writes it, takes it, and returns it.
    pub async fn next(&mut self) -> Result<Message> {
        // 5. Ask the same reader again, and wait. What is no message, pass over.
        todo!("5: wait for the next message")
    }

    /// Lets a writer write, and returns as what it may write now. One that may already is left as it is.
    pub fn authorize(&self, writer: WriterId) -> Result<Role> {
        // 6. Ask the channel for the role of the writer. Grant one only if it has none.
        todo!("6: authorize a writer, once")
    }

    /// Takes a write that was read: a message goes to `messages`, and its author to `users`.
    fn take(&mut self, written: &Written<Value>) -> Option<Message> {
        let message = Self::read(written)?;
        self.users.insert(written.writer, message.username.clone());
        self.messages.push(message.clone());
        Some(message)
    }
}

/// What nobody else comes upon: 12 bytes by chance, as text.
fn unique() -> Result<String> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "whoever chats has a clock")]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
