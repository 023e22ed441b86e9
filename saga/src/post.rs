//! What members write: messages, and operations of an application.

use bytes::Bytes;
use hyperkv::{Json, Written};
use hyperlog::{Node, NodeId, WriterId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::fingerprint::signed_name;
use crate::sanitize::{sanitize, sanitize_name};

/// Longest text of a message, in bytes.
pub const TEXT_BYTES_MAX: usize = 16 << 10;

/// Bytes of randomness in the key of a post.
const UNIQUE_BYTES: usize = 12;

/// The two kinds of posts. Each has an order of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Message,
    Operation,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Message, Self::Operation];

    /// What keys of the map begin with.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Message => "messages/",
            Self::Operation => "operations/",
        }
    }

    /// The field of the value that says what it is.
    const fn field(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Operation => "operation",
        }
    }

    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Message => b'm',
            Self::Operation => b'o',
        }
    }

    /// A key that nobody else has.
    pub(crate) fn new_key(self) -> Result<String, Error> {
        let mut unique = [0; UNIQUE_BYTES];
        getrandom::fill(&mut unique).map_err(|error| Error::Random(error.to_string()))?;
        Ok(format!("{}{}", self.prefix(), data_encoding::HEXLOWER.encode(&unique)))
    }

    /// The value of a post in the map: `{key, message, username, timestamp}`.
    pub(crate) fn value(self, key: &str, body: Value, username: &str, timestamp: u64) -> Value {
        let mut fields = Map::new();
        fields.insert("key".into(), key.into());
        fields.insert(self.field().into(), body);
        fields.insert("username".into(), username.into());
        fields.insert("timestamp".into(), timestamp.into());
        Value::Object(fields)
    }
}

/// Where names are kept: `names/` and the key of the writer in hexadecimal digits.
pub(crate) const NAMES: &str = "names/";

pub(crate) fn name_key(writer: &WriterId) -> String {
    format!("{NAMES}{writer}")
}

pub(crate) fn name_value(username: &str, timestamp: u64) -> Value {
    serde_json::json!({ "username": username, "timestamp": timestamp })
}

/// What a node of the map means for the chat.
pub(crate) enum Said {
    Post(Kind, Claims),
    /// The author's name from here on.
    Name(String),
}

/// A post as its author wrote it, fit to be shown. The author of a node is proven; all of this is claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) key: String,
    pub(crate) username: String,
    pub(crate) timestamp: u64,
    /// Sanitized text of a message; an operation as JSON.
    pub(crate) body: String,
}

/// A node that should be a post, and is none.
#[derive(Debug, thiserror::Error)]
#[error("not a {what}: {why}")]
pub(crate) struct NotAPost {
    what: &'static str,
    why: &'static str,
}

impl Said {
    /// None for everything in the map that is not the chat's.
    pub(crate) fn read(node: &Node<Bytes>) -> Result<Option<Self>, NotAPost> {
        let Some(written) = Written::read::<Json<Value>>(node) else { return Ok(None) };
        let Ok(key) = std::str::from_utf8(&written.key) else { return Ok(None) };
        // A delete says nothing: what was said stays said.
        if written.what.is_deleted() {
            return Ok(None);
        }
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| key.starts_with(kind.prefix())) {
            let refuse = |why| NotAPost { what: kind.field(), why };
            let value = written.what.value().ok_or_else(|| refuse("its value is no JSON"))?;
            return Ok(Some(Self::Post(kind, claims(kind, key, value).map_err(refuse)?)));
        }
        if key.starts_with(NAMES) {
            // Only one's own.
            if key != name_key(&written.writer) {
                return Err(NotAPost { what: "name", why: "it is about somebody else" });
            }
            let name = written.what.value().and_then(|value| value.get("username")).and_then(Value::as_str);
            let name = name.and_then(sanitize_name);
            return Ok(Some(Self::Name(name.ok_or(NotAPost { what: "name", why: "there is none in it" })?)));
        }
        Ok(None)
    }
}

fn claims(kind: Kind, key: &str, value: &Value) -> Result<Claims, &'static str> {
    if value.get("key").and_then(Value::as_str) != Some(key) {
        return Err("its key is another one");
    }
    let username = value.get("username").and_then(Value::as_str).and_then(sanitize_name);
    let timestamp = value.get("timestamp").and_then(as_millis).ok_or("its timestamp is no number")?;
    let body = value.get(kind.field()).ok_or("the field of that name is missing")?;
    let body = match kind {
        Kind::Message => {
            let text = body.as_str().ok_or("its text is no text")?;
            if text.is_empty() || text.len() > TEXT_BYTES_MAX {
                return Err("its text is empty, or too long");
            }
            sanitize(text)
        }
        Kind::Operation => body.to_string(),
    };
    let username = username.ok_or("its username is none")?;
    Ok(Claims { key: sanitize(key), username, timestamp, body })
}

/// Milliseconds since 1970, as JavaScript has them: perhaps with a fraction.
fn as_millis(value: &Value) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and time is advisory"
    )]
    value.as_u64().or_else(|| value.as_f64().map(|float| float as u64))
}

/// Where a post stands in the order that all peers with the same posts have: after all that it has seen, then by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// One more than that of the highest post it links to, or that its author wrote just before.
    pub height: u64,
    /// Its node.
    pub id: NodeId,
}

/// A message. Its author is proven; name and time are what the author claims. All text in it is sanitized: the original is in
/// [`Saga::db`](crate::Saga::db) under its key.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Where it stands.
    pub position: Position,
    /// Its key in the map.
    pub key: String,
    /// Who wrote it.
    pub writer: WriterId,
    /// What it says, on one line.
    pub text: String,
    /// What its author called itself.
    pub username: String,
    /// When it was written, as its author says: milliseconds since 1970. The same on every peer, and perhaps a lie.
    pub timestamp: u64,
    /// The time to show on this peer: the author's, but not before what it has seen, and at most two minutes after it came here.
    pub shown: u64,
}

/// An operation of an application, such as an edit of a shared document. See [`Message`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// Where it stands.
    pub position: Position,
    /// Its key in the map.
    pub key: String,
    /// Who wrote it.
    pub writer: WriterId,
    /// What it is: as it was written, not sanitized.
    pub operation: Value,
    /// What its author called itself.
    pub username: String,
    /// When it was written, as its author says: milliseconds since 1970.
    pub timestamp: u64,
    /// The time to show on this peer; see [`Message::shown`].
    pub shown: u64,
}

macro_rules! debug {
    ($($post:ident),*) => {$(
        impl std::fmt::Debug for $post {
            /// Leaves out what it says: it can be private.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($post))
                    .field("position", &self.position)
                    .field("key", &self.key)
                    .field("writer", &self.writer)
                    .finish_non_exhaustive()
            }
        }
    )*};
}
debug!(Message, Operation);

impl Message {
    /// What its author called itself, and its fingerprint: `ana~k3f7q2ab`.
    #[must_use]
    pub fn label(&self) -> String {
        signed_name(&self.username, &self.writer)
    }

    /// Whether its author's clock cannot be right: it says another time than the one that is shown.
    #[must_use]
    pub const fn is_skewed(&self) -> bool {
        self.timestamp != self.shown
    }
}

/// A row of the view, as an application sees it.
pub trait Post: Sized + sealed::Sealed {}

pub(crate) mod sealed {
    use hyperlog::WriterId;

    use super::{Claims, Kind, Position};

    pub trait Sealed {
        #[expect(private_interfaces, reason = "sealed: nobody outside can call it")]
        const KIND: Kind;

        /// None when the body is not what it was when it was mapped: a damaged row.
        #[expect(private_interfaces, reason = "sealed: nobody outside can call it")]
        fn build(position: Position, writer: WriterId, shown: u64, claims: Claims) -> Option<Self>
        where
            Self: Sized;
    }
}

#[expect(private_interfaces, reason = "sealed: nobody outside can call it")]
impl sealed::Sealed for Message {
    const KIND: Kind = Kind::Message;

    fn build(position: Position, writer: WriterId, shown: u64, claims: Claims) -> Option<Self> {
        let Claims { key, username, timestamp, body: text } = claims;
        Some(Self { position, key, writer, text, username, timestamp, shown })
    }
}

#[expect(private_interfaces, reason = "sealed: nobody outside can call it")]
impl sealed::Sealed for Operation {
    const KIND: Kind = Kind::Operation;

    fn build(position: Position, writer: WriterId, shown: u64, claims: Claims) -> Option<Self> {
        let Claims { key, username, timestamp, body } = claims;
        let operation = serde_json::from_str(&body).ok()?;
        Some(Self { position, key, writer, operation, username, timestamp, shown })
    }
}

impl Post for Message {}
impl Post for Operation {}
