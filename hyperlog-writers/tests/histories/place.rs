//! A peer: a channel on a level, sometimes a map over it, and the list of what it has stored.

use std::sync::{Arc, LazyLock};

use hyperkv::HyperKv;
use hyperlog::{Change, Hyperlog, Identity, Level, Memory, Policy, Topic, Utf8, WriterId};
use hyperlog_writers::Channel;
use level::{Batch, Durability, KeyRange, Order, Read};

use crate::oracle::{Book, No, Verdict, Wrong};
use crate::parcel::{Parcel, Tap};

/// Made once: that costs more than a signature.
static WRITERS: LazyLock<Vec<Identity>> =
    LazyLock::new(|| (0..=u8::MAX).map(|n| Identity::from_seed(&[n; 32])).collect());

/// A writer by number.
pub(crate) fn identity(n: u8) -> Identity {
    WRITERS[usize::from(n)].clone()
}

/// The key of a writer by number.
pub(crate) fn key(n: u8) -> WriterId {
    WRITERS[usize::from(n)].writer()
}

/// Makes the policy of a peer, where that is not the real one.
pub(crate) type MakePolicy = fn(Topic) -> Arc<dyn Policy>;

pub(crate) struct Place {
    pub(crate) writer: u8,
    topic: Topic,
    pub(crate) level: Memory,
    view: Option<Memory>,
    /// Outlives restarts, since those of the tests remember in memory.
    policy: Option<Arc<dyn Policy>>,
    /// None only while it is opened again.
    open: Option<Open>,
    /// What is stored, in local order.
    pub(crate) order: Vec<No>,
    /// Gone until this step.
    pub(crate) offline_until: u64,
    /// Values of what does not count are dropped where there are many of them.
    pub(crate) may_lack_values: bool,
    /// What was so when it was last looked at.
    pub(crate) seen: Option<Verdict>,
}

struct Open {
    /// None under a policy that is not the real one.
    channel: Option<Channel<Utf8>>,
    log: Hyperlog<Utf8>,
    kv: Option<HyperKv<Utf8>>,
    tap: Tap,
}

/// Where the view of the map lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Map {
    Nowhere,
    WithTheLog,
    Apart,
}

impl Place {
    pub(crate) fn new(writer: u8, topic: Topic, map: Map, policy: Option<MakePolicy>) -> Self {
        let level = Memory::new();
        let view = match map {
            Map::Nowhere => None,
            Map::WithTheLog => Some(level.clone()),
            Map::Apart => Some(Memory::new()),
        };
        let policy = policy.map(|make| make(topic));
        let mut place = Self {
            writer,
            topic,
            level,
            view,
            policy,
            open: None,
            order: Vec::new(),
            offline_until: 0,
            may_lack_values: false,
            seen: None,
        };
        place.reopen();
        place
    }

    fn reopen(&mut self) {
        let level: Arc<dyn Level> = Arc::new(self.level.clone());
        let identity = identity(self.writer);
        let (channel, log) = match &self.policy {
            None => {
                let options = hyperlog::Options::default();
                let channel = Channel::open_with(options, level, identity, self.topic.into());
                let channel: Channel<Utf8> = channel.expect("a channel opens");
                (Some(channel.clone()), channel.log().clone())
            }
            Some(policy) => (None, open_as(level, identity, self.topic, Arc::clone(policy))),
        };
        let kv = self.view.clone().map(|view| HyperKv::over(&log, view).expect("a map opens"));
        let tap = Tap::new(&log);
        self.open = Some(Open { channel, log, kv, tap });
    }

    /// Closes all and opens it again, as another writer perhaps.
    pub(crate) fn restart(&mut self, writer: u8) {
        self.writer = writer;
        self.open = None;
        self.reopen();
    }

    fn open(&self) -> &Open {
        self.open.as_ref().expect("a place is closed only to be opened again at once")
    }

    pub(crate) fn log(&self) -> &Hyperlog<Utf8> {
        &self.open().log
    }

    pub(crate) fn channel(&self) -> Option<&Channel<Utf8>> {
        self.open().channel.as_ref()
    }

    pub(crate) fn kv(&self) -> Option<&HyperKv<Utf8>> {
        self.open().kv.as_ref()
    }

    pub(crate) fn key(&self) -> WriterId {
        self.log().writer()
    }

    pub(crate) fn verdict(&self, book: &Book) -> Verdict {
        Verdict::of(book, &self.order, Wrong::Nothing)
    }

    /// Notes what was stored meanwhile, which came from elsewhere.
    pub(crate) fn absorb(&mut self, book: &Book) -> Result<(), String> {
        let log = self.log().clone();
        for change in self.order.len() as u64 + 1..=log.last().0 {
            let node = log.raw_at(Change(change)).map_err(|error| error.to_string())?;
            let node = node.ok_or("a node is missing in the local order")?;
            self.order.push(book.find(&node.id).ok_or("a node that nobody wrote")?);
        }
        self.open.as_mut().expect("it is open").tap.draw();
        Ok(())
    }

    /// Notes what was written here meanwhile.
    pub(crate) fn written(&mut self, book: &mut Book) -> Vec<Parcel> {
        let Open { log, tap, .. } = self.open.as_mut().expect("it is open");
        draw(log, tap, &mut self.order, book)
    }
}

/// What was written in a log since its tap was drawn last.
pub(crate) fn draw(log: &Hyperlog<Utf8>, tap: &mut Tap, order: &mut Vec<No>, book: &mut Book) -> Vec<Parcel> {
    let mut parcels = Vec::new();
    for outgoing in tap.draw() {
        let mut nodes = Vec::new();
        for _ in 0..outgoing.entries {
            let change = Change(order.len() as u64 + 1);
            let node = log.raw_at(change).expect("a log can be read").expect("what was sent is here");
            let no = book.add(&(&node).into());
            order.push(no);
            nodes.push(no);
        }
        parcels.push(Parcel { nodes, group: outgoing.bytes });
    }
    parcels
}

pub(crate) fn open_as(
    level: Arc<dyn Level>,
    identity: Identity,
    topic: Topic,
    policy: Arc<dyn Policy>,
) -> Hyperlog<Utf8> {
    let options = hyperlog::Options::default().topic(topic).policy(policy);
    options.open(level, identity).expect("a log opens")
}

/// Another level with the same rows.
pub(crate) fn copy(level: &Memory) -> Memory {
    let other = Memory::new();
    let mut batch = Batch::new();
    for name in level.subs().expect("memory can be read") {
        let (from, to) = (level.sub(&name), other.sub(&name));
        let (from, to) = (from.expect("memory can be read"), to.expect("memory takes it"));
        for row in level.range(from, KeyRange::all(), Order::Ascending) {
            let (key, value) = row.expect("memory can be read");
            batch.put(to, key, value);
        }
    }
    other.apply(batch, Durability::Buffered).expect("memory takes it");
    other
}
