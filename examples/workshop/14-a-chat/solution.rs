//! A chat: messages in a map that only members write.

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
        let channel: Channel = match key {
            Some(key) => Channel::open_in(folder, key.parse()?)?,
            None => Channel::found_in(folder, username, &folder.path().with_extension("recovery"))?,
        };
        let db = HyperKv::over(channel.log(), folder.level())?;
        let writes = db.writes(Read::all().live(true));
        Ok(Self {
            channel,
            db,
            username: username.to_owned(),
            users: BTreeMap::new(),
            messages: Vec::new(),
            timestamp: now(),
            writes,
        })
    }

    /// Writes a message under a key of its own below `messages/`, and returns the key.
    pub fn write_message(&self, text: &str) -> Result<String> {
        let key = format!("messages/{}", unique()?);
        let (message, username) = (text.to_owned(), self.username.clone());
        let message = Message { key: key.clone(), message, username, timestamp: now() };
        self.db.put(&key, serde_json::to_value(&message)?)?;
        Ok(key)
    }

    /// The message that a write of the map is. None if it is something else, or makes no sense.
    pub fn read(written: &Written<Value>) -> Option<Message> {
        let message: Message = serde_json::from_value(written.what.value()?.clone()).ok()?;
        (written.key.starts_with(b"messages/") && written.key == message.key).then_some(message)
    }

    /// Takes all messages that are here already.
    pub fn initialize(&mut self) -> Result<()> {
        while let Some(written) = self.writes.try_next() {
            self.take(&written?);
        }
        Ok(())
    }

    /// Waits for the next message, whoever writes it, takes it, and returns it.
    pub async fn next(&mut self) -> Result<Message> {
        while let Some(written) = self.writes.recv().await {
            if let Some(message) = self.take(&written?) {
                return Ok(message);
            }
        }
        Err("the reader ended".into())
    }

    /// Lets a writer write, and returns as what it may write now. One that may already is left as it is.
    pub fn authorize(&self, writer: WriterId) -> Result<Role> {
        if let Some(role) = self.channel.role(&writer)? {
            return Ok(role);
        }
        self.channel.authorize(writer, Role::Writer)?;
        Ok(Role::Writer)
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
