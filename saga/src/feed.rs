//! Telling every message once: a cursor that is kept.

use std::collections::VecDeque;
use std::marker::PhantomData;

use bytes::Bytes;
use hyperlog::{Change, Content, Kind as NodeKind, NodeId, Stop, Waiter};
use level::{Batch, Durability, KeyRange, Order};

use crate::error::Error;
use crate::post::{Message, Operation, Post, sealed};
use crate::saga::Saga;

/// Longest name of a subscriber, in bytes.
pub const SUBSCRIBER_BYTES_MAX: usize = 64;

/// Below this, by subscriber, how far it is.
const CURSOR: u8 = b'c';
/// Below this, by subscriber and change, nodes that it passed and that may still become posts: void ones, and those whose
/// value is not here.
const PASSED: u8 = b'v';

/// Posts as they come, each once, and after all that its author had seen: also over restarts, whoever wrote them, and in
/// whatever order the peers met. As an iterator it blocks its thread; [`recv`](Self::recv) waits without.
///
/// What was told is noted when the next one is asked for, or with [`done`](Self::done): who is killed in the middle of handling a
/// post is told it once more. A post that did not count, or whose value was not here, and that comes to count later, is told then.
/// What was told and counts no more is not taken back: [`Saga::messages`] shows what counts now.
pub struct Feed<P> {
    saga: Saga,
    /// Kind and name, as they stand in keys.
    name: Vec<u8>,
    waiter: Waiter,
    cursor: Cursor,
    /// The post that was given out last, and is not noted yet.
    told: Option<Told>,
    /// Passed nodes that are to be looked at again.
    again: VecDeque<Change>,
    ended: bool,
    post: PhantomData<fn() -> P>,
}

/// How far a subscriber is: all up to this node, as of an epoch of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    last: Change,
    id: NodeId,
    epoch: u64,
}

enum Told {
    /// By the cursor.
    New(Change, NodeId),
    /// Among those that were passed.
    Passed(Change),
}

impl<P> std::fmt::Debug for Feed<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl Saga {
    /// Every message once, causes first: those that `subscriber` was not told yet, then what comes. The cursor lies in the
    /// storage under that name (1 to 64 bytes); there should be one feed of a name at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Subscriber`], or what the store says.
    pub fn subscribe(&self, subscriber: &str) -> Result<Feed<Message>, Error> {
        Feed::open(self.clone(), subscriber)
    }

    /// Every operation once, causes first; see [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    pub fn operations_from(&self, subscriber: &str) -> Result<Feed<Operation>, Error> {
        Feed::open(self.clone(), subscriber)
    }
}

impl<P: Post> Feed<P> {
    fn open(saga: Saga, subscriber: &str) -> Result<Self, Error> {
        if !(1..=SUBSCRIBER_BYTES_MAX).contains(&subscriber.len()) {
            return Err(Error::Subscriber);
        }
        let kind = <P as sealed::Sealed>::KIND.byte();
        let length = u8::try_from(subscriber.len()).map_err(|_| Error::Subscriber)?;
        let name = [&[kind, length], subscriber.as_bytes()].concat();
        // Made first: what is stored from here on wakes it.
        let waiter = saga.waiter();
        let row = saga.inner.level.get(saga.inner.sub, &cursor_key(&name))?;
        let cursor = row.and_then(|row| Cursor::decode(&row)).unwrap_or(Cursor::START);
        let mut feed = Self {
            saga,
            name,
            waiter,
            cursor,
            told: None,
            again: VecDeque::new(),
            ended: false,
            post: PhantomData,
        };
        if !feed.is_of_this_log()? {
            feed.cursor = Cursor::START;
        }
        Ok(feed)
    }

    /// Whether the node of the cursor is where it was. It is not when the log in the storage was replaced.
    fn is_of_this_log(&self) -> Result<bool, Error> {
        if self.cursor.last == Change(0) {
            return Ok(true);
        }
        let node = self.saga.channel().log().raw_at(self.cursor.last)?;
        Ok(node.is_some_and(|node| node.id == self.cursor.id))
    }

    /// Something that ends this from another thread or task.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        self.waiter.stop_handle()
    }

    /// The next post, if there is one now. Never waits.
    pub fn try_next(&mut self) -> Option<Result<P, Error>> {
        self.look().transpose()
    }

    /// Waits for the next post. None once it was stopped.
    pub async fn recv(&mut self) -> Option<Result<P, Error>> {
        loop {
            if self.ended {
                return None;
            }
            if let Some(post) = self.look().transpose() {
                return Some(post);
            }
            self.ended = !self.waiter.recv().await;
        }
    }

    /// Notes that the post which was given out last was handled.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn done(&mut self) -> Result<(), Error> {
        let mut batch = Batch::new();
        match self.told.take() {
            None => return Ok(()),
            Some(Told::New(last, id)) => {
                self.cursor = Cursor { last, id, ..self.cursor };
                self.note(&mut batch);
            }
            Some(Told::Passed(change)) => batch.del(self.saga.inner.sub, passed_key(&self.name, change)),
        }
        self.apply(batch)
    }

    fn look(&mut self) -> Result<Option<P>, Error> {
        self.done()?;
        if let Some(post) = self.look_again()? {
            return Ok(Some(post));
        }
        self.look_on()
    }

    /// Looks once more at what was passed, when what nodes amount to has changed.
    fn look_again(&mut self) -> Result<Option<P>, Error> {
        let epoch = self.saga.channel().log().epoch();
        if epoch != self.cursor.epoch {
            self.again = self.passed()?;
            self.cursor.epoch = epoch;
            // With nothing left to look at, there is nothing to remember.
            if self.again.is_empty() {
                let mut batch = Batch::new();
                self.note(&mut batch);
                self.apply(batch)?;
            }
        }
        while let Some(change) = self.again.front().copied() {
            let node = self.saga.channel().log().raw_at(change)?;
            let post = node.map(|node| self.saga.post(&node.id)).transpose()?.flatten();
            // Only now: after an error it is looked at once more.
            self.again.pop_front();
            if post.is_some() {
                self.told = Some(Told::Passed(change));
                return Ok(post);
            }
        }
        Ok(None)
    }

    fn passed(&self) -> Result<VecDeque<Change>, Error> {
        let rows = self.saga.inner.level.range(
            self.saga.inner.sub,
            KeyRange::prefix(&passed_prefix(&self.name)),
            Order::Ascending,
        );
        let mut passed = VecDeque::new();
        for row in rows {
            let (key, _) = row?;
            let change = key.get(passed_prefix(&self.name).len()..).and_then(|key| key.try_into().ok());
            passed.push_back(Change(u64::from_be_bytes(change.ok_or(Error::Damaged)?)));
        }
        Ok(passed)
    }

    /// Goes on in the local order.
    fn look_on(&mut self) -> Result<Option<P>, Error> {
        let log = self.saga.channel().log().clone();
        let (mut batch, mut at) = (Batch::new(), self.cursor);
        // Own posts that are not durable yet are not told.
        while at.last < log.visible() {
            let change = Change(at.last.0.saturating_add(1));
            let Some(node) = log.raw_at(change)? else { break };
            if node.kind == NodeKind::Data {
                if let Some(post) = self.saga.post(&node.id)? {
                    self.pass(batch, at)?;
                    self.told = Some(Told::New(change, node.id));
                    return Ok(Some(post));
                }
                // Where verdicts changed since the feed looked at them, this node may count by now.
                let is_open = log.epoch() != self.cursor.epoch || may_become_a_post(&node.value);
                if is_open || log.is_void(&node.id)? {
                    batch.put(self.saga.inner.sub, passed_key(&self.name, change), Bytes::new());
                }
            }
            (at.last, at.id) = (change, node.id);
            if batch.len() >= AT_ONCE {
                self.pass(std::mem::take(&mut batch), at)?;
            }
        }
        self.pass(batch, at)?;
        Ok(None)
    }

    /// Notes what was passed. Rows of passed nodes and the cursor are one batch.
    fn pass(&mut self, mut batch: Batch, at: Cursor) -> Result<(), Error> {
        if batch.is_empty() && at.last.0.saturating_sub(self.cursor.last.0) < AT_ONCE as u64 {
            // Not worth a row: it is passed again after a restart.
            self.cursor = at;
            return Ok(());
        }
        self.cursor = at;
        self.note(&mut batch);
        self.apply(batch)
    }

    fn note(&self, batch: &mut Batch) {
        // While passed nodes are still to be looked at, the epoch is not reached.
        let epoch = if self.again.is_empty() { self.cursor.epoch } else { u64::MAX };
        let cursor = Cursor { epoch, ..self.cursor };
        batch.put(self.saga.inner.sub, cursor_key(&self.name), cursor.encode());
    }

    fn apply(&self, batch: Batch) -> Result<(), Error> {
        Ok(self.saga.inner.level.apply(batch, Durability::Buffered)?)
    }
}

/// Nodes that are passed before it is noted.
const AT_ONCE: usize = 1024;

const fn may_become_a_post(value: &Content<Bytes>) -> bool {
    matches!(value, Content::Pending | Content::Unwanted)
}

#[cfg(not(target_family = "wasm"))]
impl<P: Post> Iterator for Feed<P> {
    type Item = Result<P, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.ended {
                return None;
            }
            if let Some(post) = self.look().transpose() {
                return Some(post);
            }
            self.ended = !self.waiter.wait();
        }
    }
}

impl Cursor {
    const START: Self = Self { last: Change(0), id: NodeId::from_bytes([0; 32]), epoch: u64::MAX };

    fn encode(&self) -> Vec<u8> {
        [&self.last.0.to_be_bytes()[..], self.id.as_bytes(), &self.epoch.to_be_bytes()].concat()
    }

    /// None for anything else: then it begins again.
    fn decode(row: &[u8]) -> Option<Self> {
        let last = Change(u64::from_be_bytes(row.get(..8)?.try_into().ok()?));
        let id = NodeId::from_bytes(row.get(8..40)?.try_into().ok()?);
        let epoch = u64::from_be_bytes(row.get(40..)?.try_into().ok()?);
        Some(Self { last, id, epoch })
    }
}

fn cursor_key(name: &[u8]) -> Vec<u8> {
    [&[CURSOR], name].concat()
}

fn passed_prefix(name: &[u8]) -> Vec<u8> {
    [&[PASSED], name].concat()
}

fn passed_key(name: &[u8], change: Change) -> Vec<u8> {
    [&passed_prefix(name)[..], &change.0.to_be_bytes()].concat()
}
