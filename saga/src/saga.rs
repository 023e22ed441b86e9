//! The chat itself: opening, writing, reading.

use std::sync::{Arc, Mutex, PoisonError};

use hyperkv::{HyperKv, Json, Write};
use hyperlog::{Binary, Identity, LINKS_MAX, NodeId, Waiter, WriterId};
use hyperlog_index::Index;
use hyperlog_writers::{Channel, ChannelKey};
use level::{Level, Order, Sub};
use serde_json::Value;

use crate::clock::Received;
use crate::door::{Door, Requests};
use crate::error::Error;
use crate::event::{Event, Events};
use crate::open::Options;
use crate::people::Presence;
use crate::post::{Kind, Message, Operation, Position, Post, TEXT_BYTES_MAX, name_key, name_value, sealed};
use crate::sanitize::sanitize_name;
use crate::sessions::{Sessions, Talks};
use crate::view::{self, Chat};

/// A chat: a channel whose members write messages. Cheap to clone; all clones are one.
///
/// Writing and reading block for as long as the disk takes; on a runtime with other things to do, call them where blocking is
/// allowed.
#[derive(Clone)]
pub struct Saga {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) channel: Channel,
    pub(crate) db: HyperKv<Json<Value>>,
    pub(crate) index: Index<Chat>,
    pub(crate) level: Arc<dyn Level>,
    /// What is local to this peer, and no view: cursors, and when things came.
    pub(crate) sub: Sub,
    pub(crate) received: Arc<Received>,
    pub(crate) identity: Identity,
    pub(crate) username: Mutex<String>,
    pub(crate) door: Mutex<Door>,
    /// Held while somebody is let in.
    pub(crate) doorway: Mutex<()>,
    pub(crate) opened: u64,
    /// Held from when heads are read until what links to them is stored.
    writing: Mutex<()>,
    pub(crate) presence: Presence,
    pub(crate) requests: Requests,
    pub(crate) sessions: Sessions,
    pub(crate) talks: Talks,
    #[cfg(feature = "net")]
    pub(crate) net: crate::net::Net,
    pub(crate) events: scuttleup::Bus<Event>,
}

impl std::fmt::Debug for Saga {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Saga").field("channel", &self.inner.channel).finish_non_exhaustive()
    }
}

/// Events that a listener may fall behind.
const EVENTS_MAX: usize = 256;

pub(crate) const SUB: &str = "saga";

impl Saga {
    /// Opens a chat: with a key, that channel; without one, the channel that the storage holds, or a new one. The local key
    /// lies in the storage, so a copy of the storage is a copy of the writer; [`Options`] says it otherwise, and
    /// `open_in` keeps it apart, in a folder.
    ///
    /// The founder of a channel that is made so is above everybody, and nobody can revoke it: the root key is thrown away.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn open(
        storage: impl Level + 'static,
        key: Option<ChannelKey>,
        username: &str,
    ) -> Result<Self, Error> {
        Self::options().open(Arc::new(storage), key, username)
    }

    /// What can be chosen.
    pub fn options() -> Options {
        Options::default()
    }

    pub(crate) fn over(
        channel: Channel,
        level: Arc<dyn Level>,
        identity: Identity,
        username: &str,
        options: &Options,
    ) -> Result<Self, Error> {
        let username = sanitize_name(username).ok_or(Error::Name)?;
        let sub = level.sub(SUB)?;
        let db = HyperKv::over(channel.log(), Arc::clone(&level))?;
        let received = Arc::new(Received::open(Arc::clone(&level), sub, Arc::clone(&options.clock))?);
        let chat = Chat { received: Arc::clone(&received), log: channel.log().clone() };
        let index =
            Index::open_with(channel.log(), Arc::clone(&level), chat, hyperlog_index::Limits::default())?;
        let opened = received.now();
        let inner = Inner {
            channel,
            db,
            index,
            level,
            sub,
            received,
            identity,
            username: Mutex::new(username),
            door: Mutex::new(options.door),
            doorway: Mutex::new(()),
            opened,
            writing: Mutex::new(()),
            presence: Presence::new(options.grace),
            requests: Requests::default(),
            sessions: Sessions::default(),
            talks: Talks::default(),
            #[cfg(feature = "net")]
            net: crate::net::Net::default(),
            events: scuttleup::Bus::new(EVENTS_MAX),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The channel: its log, its members, granting and revoking.
    #[must_use]
    pub fn channel(&self) -> &Channel<Binary> {
        &self.inner.channel
    }

    /// The key of the channel: whoever has it can find and read the chat. It grants no writing.
    #[must_use]
    pub fn key(&self) -> ChannelKey {
        self.inner.channel.key()
    }

    /// The local writer.
    #[must_use]
    pub fn writer(&self) -> WriterId {
        self.inner.identity.writer()
    }

    /// The map in which everything lies: JSON values, messages below `messages/`, operations below `operations/`. What others
    /// put there is raw: [`sanitize`](crate::sanitize()) it before you print it.
    #[must_use]
    pub fn db(&self) -> &HyperKv<Json<Value>> {
        &self.inner.db
    }

    /// What the local writer calls itself.
    #[must_use]
    pub fn username(&self) -> String {
        self.inner.username.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the chat was opened: milliseconds since 1970.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.inner.opened
    }

    /// Wakes whenever something was stored; see [`Waiter`].
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        self.inner.channel.log().waiter()
    }

    /// News of people, from now on: who came and who left, who asks to join. Messages are read with
    /// [`subscribe`](Self::subscribe).
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.clone())
    }

    // ---- writing ----

    /// Writes a message. Returns its key in the map once it is durable. It links the messages that no other links to, so all
    /// peers show it after what its author had seen.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`], [`Error::TooLong`], [`Error::NotAuthorized`], or what the log says.
    pub fn write_message(&self, text: &str) -> Result<String, Error> {
        if text.is_empty() {
            return Err(Error::Empty);
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(Error::TooLong { len: text.len() });
        }
        self.write(Kind::Message, text.into())
    }

    /// Writes an operation of an application, such as an edit of a shared document; everybody gets each once, causes first
    /// ([`operations_from`](Self::operations_from)). Returns its key in the map once it is durable.
    ///
    /// # Errors
    ///
    /// [`Error::NotAuthorized`], or what the log says.
    pub fn write_operation(&self, operation: impl Into<Value>) -> Result<String, Error> {
        self.write(Kind::Operation, operation.into())
    }

    fn write(&self, kind: Kind, body: Value) -> Result<String, Error> {
        let key = kind.new_key()?;
        let value = kind.value(&key, body, &self.username(), self.inner.received.now());
        let writing = self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let write = Write::put(&key, value).links(self.heads(kind)?);
        self.inner.db.write(write)?;
        drop(writing);
        Ok(key)
    }

    /// Takes another name. Others see it at once if the local writer may write, and else when they next meet it.
    ///
    /// # Errors
    ///
    /// [`Error::Name`], or what the log says.
    pub fn set_username(&self, name: &str) -> Result<(), Error> {
        let name = sanitize_name(name).ok_or(Error::Name)?;
        let own = self.writer();
        if self.inner.channel.authorized(&own)? {
            let value = name_value(&name, self.inner.received.now());
            let writing = self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            // Linked to what it has seen, so that a later name stands after an earlier one.
            let key = name_key(&own);
            let before = self.inner.db.get(&key)?;
            let links = before.ids().chain(self.heads(Kind::Message)?).take(LINKS_MAX);
            self.inner.db.write(Write::put(&key, value).links(links))?;
            drop(writing);
        }
        *self.inner.username.lock().unwrap_or_else(PoisonError::into_inner) = name;
        Ok(())
    }

    /// Posts that no other links to: of more than a node can link, the highest.
    fn heads(&self, kind: Kind) -> Result<Vec<NodeId>, Error> {
        let heads = view::read_heads(self.inner.index.get(&view::head_key(kind))?);
        Ok(heads.into_iter().map(|head| head.id).collect())
    }

    // ---- reading ----

    /// All messages, each after what its author had seen; of those that did not know of each other the order is the same on
    /// every peer. O(messages).
    ///
    /// # Errors
    ///
    /// What the log or the store says.
    pub fn messages(&self) -> Result<Vec<Message>, Error> {
        self.posts()
    }

    /// All operations, in an order as that of [`messages`](Self::messages). O(operations).
    ///
    /// # Errors
    ///
    /// What the log or the store says.
    pub fn operations(&self) -> Result<Vec<Operation>, Error> {
        self.posts()
    }

    fn posts<P: Post>(&self) -> Result<Vec<P>, Error> {
        let rows = self.inner.index.range(view::posts(P::KIND), Order::Ascending)?;
        rows.map(|row| read_post(&row?)).collect()
    }

    /// The last messages before one, or of all, oldest first. O(log n) and one row for each.
    ///
    /// # Errors
    ///
    /// What the log or the store says.
    pub fn history(&self, before: Option<Position>, limit: usize) -> Result<Vec<Message>, Error> {
        let range = before.map_or_else(
            || view::posts(Kind::Message),
            |position| view::posts_before(Kind::Message, position),
        );
        let rows = self.inner.index.range(range, Order::Descending)?.take(limit);
        let mut page = rows.map(|row| read_post(&row?)).collect::<Result<Vec<_>, Error>>()?;
        page.reverse();
        Ok(page)
    }

    /// A post, if it counts.
    pub(crate) fn post<P: Post>(&self, id: &NodeId) -> Result<Option<P>, Error> {
        let Some(row) = self.inner.index.get(&view::place_key(id))? else { return Ok(None) };
        let place = view::Place::decode(&row).ok_or(Error::Damaged)?;
        if !place.is_of(P::KIND) {
            return Ok(None);
        }
        let key = view::post_key(P::KIND, Position { height: place.height, id: *id });
        let row = self.inner.index.get(&key)?;
        row.map(|row| read_post(&(key.into(), row))).transpose()
    }

    /// The name that a writer took last in this channel.
    pub(crate) fn name_of(&self, writer: &WriterId) -> Result<Option<String>, Error> {
        let row = self.inner.index.get(&view::name_key(writer))?;
        let named = row.map(|row| postcard::from_bytes::<view::Named>(&row).map_err(|_| Error::Damaged));
        Ok(named.transpose()?.map(|named| named.name))
    }

    /// What is in the map below `messages/`, `operations/` or `names/` and is none: written by a newer program, or in bad faith.
    ///
    /// # Errors
    ///
    /// What the log or the store says.
    pub fn skipped(&self) -> Result<usize, Error> {
        let mut skipped = 0;
        for row in self.inner.index.skipped()? {
            row?;
            skipped += 1;
        }
        Ok(skipped)
    }
}

fn read_post<P: Post>((key, row): &level::Row) -> Result<P, Error> {
    let position = view::read_post_key(key).ok_or(Error::Damaged)?;
    let row: view::Row = postcard::from_bytes(row).map_err(|_| Error::Damaged)?;
    let writer = WriterId::from_stored(row.writer);
    <P as sealed::Sealed>::build(position, writer, row.shown, row.claims).ok_or(Error::Damaged)
}
