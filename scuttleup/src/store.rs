//! Where the rows of a log lie: see `docs/format.md`, "store". Keys are made and read here alone.

use std::ops::Bound;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use level::{Batch, Durability, KeyRange, Level, Order, Read, Sub};

use crate::chains::{Branch, Chains};
use crate::entry::{BranchNo, Entry, Lineage, Value};
use crate::error::{Error, OpenError};
use crate::ids::{Change, EntryId, Seq, Topic, WriterId};
use crate::input::{Input, Malformed};

/// The format that this code writes. It reads those before it, too: in format 2 no value is unwanted, in format 1
/// entries have no lineage either.
pub(crate) const FORMAT: u32 = 3;

/// The three sub-levels of a log.
pub(crate) struct Store {
    level: Arc<dyn Level>,
    entries: Sub,
    ids: Sub,
    meta: Sub,
    topic: Topic,
}

/// What the log in a level is about, without opening it; none when there is no log in it yet. The level stays as it is.
///
/// # Errors
///
/// [`OpenError::Newer`] when the log was written by a later version, or what the store says.
pub fn topic_of(level: &dyn Level) -> Result<Option<Topic>, OpenError> {
    if !level.subs()?.iter().any(|name| name == META) {
        return Ok(None);
    }
    let row = level.get(level.sub(META)?, FORMAT_KEY)?;
    row.map(|row| Ok(Format::decode(row)?.topic)).transpose()
}

/// The row that says what a log is.
struct Format {
    version: u32,
    topic: Topic,
    kind: Bytes,
}

impl Format {
    fn decode(row: Bytes) -> Result<Self, OpenError> {
        let damaged = |source| Error::Damaged { row: "the format row".into(), source: Some(source) };
        let mut input = Input::new(row);
        let version = input.array().map(u32::from_be_bytes).map_err(damaged)?;
        if version > FORMAT {
            return Err(OpenError::Newer { found: version, known: FORMAT });
        }
        let topic = Topic::from_bytes(input.array().map_err(damaged)?);
        Ok(Self { version, topic, kind: input.take_rest() })
    }
}

/// What the meta row of branches says.
pub(crate) struct Loaded {
    pub(crate) chains: Chains,
    /// Batches that were ever committed here.
    pub(crate) commits: u64,
    pub(crate) last: Change,
    /// The local order up to there.
    pub(crate) lineage: Lineage,
    /// Whether the log was made just now.
    pub(crate) created: bool,
}

impl Store {
    /// Opens the rows of a log, or founds it in an empty level.
    pub(crate) fn open(
        level: Arc<dyn Level>,
        kind: &'static str,
        topic: Topic,
    ) -> Result<(Self, Loaded), OpenError> {
        let store = Self {
            entries: level.sub("entries")?,
            ids: level.sub("ids")?,
            meta: level.sub(META)?,
            level,
            topic,
        };
        // What a crash left unsynced is made durable before anybody builds on it.
        store.level.sync()?;
        let created = match store.level.get(store.meta, FORMAT_KEY)? {
            Some(row) => store.check_format(row, kind)?,
            None => store.put_format(kind).map(|()| true)?,
        };
        let (chains, commits, last) = store.load_branches()?;
        let lineage = store.by_change(last)?.map(|entry| entry.lineage()).unwrap_or_default();
        Ok((store, Loaded { chains, commits, last, lineage, created }))
    }

    pub(crate) const fn topic(&self) -> Topic {
        self.topic
    }

    pub(crate) fn level(&self) -> &Arc<dyn Level> {
        &self.level
    }

    pub(crate) const fn meta(&self) -> Sub {
        self.meta
    }

    /// Founds a log, or says that one has this format from now on.
    fn put_format(&self, kind: &str) -> Result<(), OpenError> {
        let mut row = Vec::new();
        row.put_u32(FORMAT);
        row.put_slice(self.topic.as_bytes());
        row.put_slice(kind.as_bytes());
        let mut batch = Batch::new();
        batch.put(self.meta, FORMAT_KEY, row);
        Ok(self.level.apply(batch, Durability::Synced)?)
    }

    /// Says whether this founds the log: one without entries becomes what it is opened as, unless that is an open log.
    fn check_format(&self, row: Bytes, kind: &'static str) -> Result<bool, OpenError> {
        let found = Format::decode(row)?;
        let (other_kind, other_topic) = (found.kind != kind.as_bytes(), found.topic != self.topic);
        let founds = other_kind || other_topic;
        if founds && (self.topic == Topic::OPEN || !self.is_empty()?) {
            if !other_kind {
                return Err(OpenError::OtherTopic);
            }
            let found = String::from_utf8_lossy(&found.kind).into_owned();
            return Err(OpenError::OtherKind { found, wanted: kind });
        }
        // Whoever reads older formats alone must not take what is written from now on for damage.
        if founds || found.version < FORMAT {
            self.put_format(kind)?;
        }
        Ok(founds)
    }

    /// Whether nothing was ever stored. Entries stay for good, and every commit writes a branch.
    fn is_empty(&self) -> Result<bool, Error> {
        let branches = (self.meta, KeyRange::prefix(&[BRANCH]));
        for (sub, range) in [branches, (self.entries, KeyRange::all()), (self.ids, KeyRange::all())] {
            if self.level.range(sub, range, Order::Ascending).next().transpose()?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn load_branches(&self) -> Result<(Chains, u64, Change), Error> {
        let (mut chains, mut commits, mut last) = (Chains::default(), 0, Change(0));
        for row in self.level.range(self.meta, KeyRange::prefix(&[BRANCH]), Order::Ascending) {
            let (key, value) = row?;
            let damaged = |source| Error::Damaged { row: format!("branch {key:02x?}"), source };
            let (branch, commit) = decode_branch(value).map_err(|source| damaged(Some(source)))?;
            if branch.tip_seq.0 == 0 || branch.root.is_some_and(|(_, shared)| shared >= branch.tip_seq) {
                return Err(damaged(None));
            }
            if [branch.tip_seq.0, branch.tip_change.0, commit].iter().any(|number| *number > COUNT_MAX) {
                return Err(damaged(None));
            }
            let no = chains.load(branch).ok_or_else(|| damaged(None))?;
            if key != branch_key(no) {
                return Err(damaged(None));
            }
            commits = commits.max(commit);
            last = last.max(branch.tip_change);
        }
        // Numbers are counted on from here, so a damaged one must not be believed.
        for (no, branch) in chains.iter() {
            if branch.tip_change == last {
                let entry =
                    self.by_change(last)?.filter(|entry| entry.id == branch.tip_id && entry.branch == no);
                entry.ok_or_else(|| Error::damaged(format!("branch {}, which ends elsewhere", no.0)))?;
            }
        }
        Ok((chains, commits, last))
    }

    // ---- entries ----

    /// The local number of an entry. One point read.
    pub(crate) fn change_of(&self, id: &EntryId) -> Result<Option<Change>, Error> {
        match self.level.get(self.ids, id.as_bytes())? {
            None => Ok(None),
            Some(row) => decode_change(&row).map(Some).ok_or_else(|| Error::damaged(format!("id {id}"))),
        }
    }

    /// As [`change_of`](Self::change_of), with the rows of a commit in the making on top.
    pub(crate) fn change_in(&self, batch: &Batch, id: &EntryId) -> Result<Option<Change>, Error> {
        match batch.get(self.ids, id.as_bytes()) {
            Some(row) => Ok(row.and_then(|row| decode_change(row))),
            None => self.change_of(id),
        }
    }

    /// The local numbers of all entries whose ids begin so, ascending by id, lazily. One short range read.
    pub(crate) fn changes_by_prefix(
        &self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<Change, Error>> + use<'_> {
        self.level.range(self.ids, KeyRange::prefix(prefix), Order::Ascending).map(|row| {
            let (key, value) = row?;
            decode_change(&value).ok_or_else(|| Error::damaged(format!("id {key:02x?}")))
        })
    }

    /// An entry by its local number. One point read.
    pub(crate) fn by_change(&self, change: Change) -> Result<Option<Entry>, Error> {
        let row = self.level.get(self.entries, &change.0.to_be_bytes())?;
        row.map(|row| self.decode(change, row)).transpose()
    }

    /// As [`by_change`](Self::by_change), with the rows of a commit in the making on top.
    pub(crate) fn entry_in(&self, batch: &Batch, change: Change) -> Result<Option<Entry>, Error> {
        match batch.get(self.entries, &change.0.to_be_bytes()) {
            Some(row) => row.map(|row| self.decode(change, row.clone())).transpose(),
            None => self.by_change(change),
        }
    }

    /// As [`entry_in`](Self::entry_in), where there must be one.
    pub(crate) fn present_in(&self, batch: &Batch, change: Change) -> Result<Entry, Error> {
        let entry = self.entry_in(batch, change)?;
        entry.ok_or_else(|| Error::damaged(format!("entry {change} of the local order, which is missing")))
    }

    /// An entry by its id. Two point reads.
    pub(crate) fn by_id(&self, id: &EntryId) -> Result<Option<Entry>, Error> {
        let Some(change) = self.change_of(id)? else { return Ok(None) };
        let entry = self.by_change(change)?.filter(|entry| entry.id == *id);
        entry.map(Some).ok_or_else(|| Error::damaged(format!("id {id}, which is not that of entry {change}")))
    }

    /// Entries from `from` to `to`, both included, lazily. A gap before the last is damage; where it starts
    /// from there must be an entry.
    pub(crate) fn entries(
        &self,
        from: Change,
        to: Change,
        order: Order,
    ) -> impl Iterator<Item = Result<Entry, Error>> + use<'_> {
        let range = KeyRange::from(from.0.to_be_bytes().to_vec()..=to.0.to_be_bytes().to_vec());
        let mut due = match order {
            Order::Ascending => Some(from.0),
            Order::Descending => Some(to.0),
        };
        self.level.range(self.entries, range, order).map(move |row| {
            let (key, value) = row?;
            let change =
                decode_change(&key).ok_or_else(|| Error::damaged(format!("entry key {key:02x?}")))?;
            if let Some(missing) = due.filter(|due| *due != change.0) {
                return Err(Error::damaged(format!("entry {missing} of the local order, which is missing")));
            }
            due = match order {
                Order::Ascending => change.0.checked_add(1),
                Order::Descending => change.0.checked_sub(1),
            };
            self.decode(change, value)
        })
    }

    fn decode(&self, change: Change, row: Bytes) -> Result<Entry, Error> {
        Entry::decode_row(self.topic, change, row).map_err(|source| Error::damaged_entry(change, source))
    }

    /// Adds the rows of a new entry.
    pub(crate) fn put_entry(
        &self,
        batch: &mut Batch,
        arena: &mut Arena,
        entry: &Entry,
        starts_stretch: bool,
    ) {
        let row = arena.take(|out| entry.encode_row(out));
        let change = arena.take(|out| out.put_u64(entry.change.0));
        batch.put(self.ids, arena.take(|out| out.put_slice(entry.id.as_bytes())), change.clone());
        if starts_stretch {
            batch.put(self.meta, stretch_key(entry.branch, entry.header.seq), change.clone());
        }
        if entry.value == Value::Pending {
            batch.put(self.meta, pending_key(entry.change), Bytes::new());
        }
        batch.put(self.entries, change, row);
    }

    /// Rewrites an entry whose value came, went, or is awaited from now on. `was` is what became of it until now.
    pub(crate) fn put_value(&self, batch: &mut Batch, arena: &mut Arena, was: &Value, entry: &Entry) {
        let key = entry.change.0.to_be_bytes().to_vec();
        batch.put(self.entries, key, arena.take(|out| entry.encode_row(out)));
        if entry.value == Value::Pending {
            batch.put(self.meta, pending_key(entry.change), Bytes::new());
        } else if *was == Value::Pending {
            batch.del(self.meta, pending_key(entry.change));
        }
    }

    /// Local numbers of the entries whose value is not here yet, in ascending order.
    pub(crate) fn pending(&self) -> impl Iterator<Item = Result<Change, Error>> + '_ {
        self.pending_in(KeyRange::prefix(&[PENDING]))
    }

    /// As [`pending`](Self::pending), behind one of them.
    pub(crate) fn pending_after(&self, change: Change) -> impl Iterator<Item = Result<Change, Error>> + '_ {
        let (after, last) = (pending_key(change), pending_key(Change(u64::MAX)));
        self.pending_in((Bound::Excluded(after), Bound::Included(last)).into())
    }

    fn pending_in(&self, range: KeyRange) -> impl Iterator<Item = Result<Change, Error>> + '_ {
        self.level.range(self.meta, range, Order::Ascending).map(|row| {
            let (key, _) = row?;
            let change = key.get(1..).and_then(decode_change);
            change.ok_or_else(|| Error::damaged(format!("pending key {key:02x?}")))
        })
    }

    // ---- branches ----

    pub(crate) fn put_branch(&self, batch: &mut Batch, no: BranchNo, branch: &Branch, commits: u64) {
        batch.put(self.meta, branch_key(no), encode_branch(branch, commits));
    }

    /// The branch on which this store last wrote for a writer.
    pub(crate) fn own_branch(&self, writer: &WriterId) -> Result<Option<BranchNo>, Error> {
        let Some(row) = self.level.get(self.meta, &own_key(writer))? else { return Ok(None) };
        let bytes = row.as_ref().try_into().map_err(|_| Error::damaged("the row of the own branch"))?;
        Ok(Some(BranchNo(u32::from_be_bytes(bytes))))
    }

    pub(crate) fn put_own_branch(&self, batch: &mut Batch, writer: &WriterId, no: BranchNo) {
        batch.put(self.meta, own_key(writer), no.0.to_be_bytes().to_vec());
    }

    /// The local number of entry `seq`, which must lie on `branch` itself. One short range read.
    pub(crate) fn change_on(&self, branch: BranchNo, seq: Seq) -> Result<Change, Error> {
        let range = KeyRange::from(stretch_key(branch, Seq(0))..=stretch_key(branch, seq));
        let damaged = || Error::damaged(format!("stretch of branch {} at {seq}", branch.0));
        let (key, value) =
            self.level.range(self.meta, range, Order::Descending).next().ok_or_else(damaged)??;
        let first = key.get(5..).and_then(decode_change).ok_or_else(damaged)?;
        let change = decode_change(&value).ok_or_else(damaged)?;
        change.0.checked_add(seq.0 - first.0).map(Change).ok_or_else(damaged)
    }

    /// All stretches: branch, first number, first local number.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = Result<(BranchNo, Seq, Change), Error>> + '_ {
        self.level.range(self.meta, KeyRange::prefix(&[STRETCH]), Order::Ascending).map(|row| {
            let (key, value) = row?;
            let decode = || {
                let branch = key.get(1..5)?.try_into().ok()?;
                let seq = Seq(decode_change(key.get(5..)?)?.0);
                Some((BranchNo(u32::from_be_bytes(branch)), seq, decode_change(&value)?))
            };
            decode().ok_or_else(|| Error::damaged(format!("stretch key {key:02x?}")))
        })
    }

    /// How many ids the store knows. Reads them all.
    pub(crate) fn count_ids(&self) -> Result<u64, Error> {
        let mut count = 0;
        for row in self.level.range(self.ids, KeyRange::all(), Order::Ascending) {
            row?;
            count += 1;
        }
        Ok(count)
    }
}

/// No count of anything gets here: what is above is damage.
const COUNT_MAX: u64 = u64::MAX >> 1;

/// Where the rows of a batch are written, one after the other: a large piece of memory now and then, instead
/// of four small ones an entry. The rows of a batch go into the same tables and are dropped together.
#[derive(Debug, Default)]
pub(crate) struct Arena(BytesMut);

const ARENA_BYTES: usize = 64 << 10;

impl Arena {
    fn take(&mut self, write: impl FnOnce(&mut BytesMut)) -> Bytes {
        if self.0.capacity() < 512 {
            self.0 = BytesMut::with_capacity(ARENA_BYTES);
        }
        write(&mut self.0);
        self.0.split().freeze()
    }
}

const META: &str = "meta";

// Letters of the rows in `meta`. `x` is the layer above's: see `rows::EXTENSION`.
const FORMAT_KEY: &[u8] = b"f";
const BRANCH: u8 = b'b';
const STRETCH: u8 = b's';
const OWN: u8 = b'o';
const PENDING: u8 = b'p';

fn branch_key(no: BranchNo) -> Vec<u8> {
    let mut key = vec![BRANCH];
    key.put_u32(no.0);
    key
}

fn stretch_key(branch: BranchNo, seq: Seq) -> Vec<u8> {
    let mut key = vec![STRETCH];
    key.put_u32(branch.0);
    key.put_u64(seq.0);
    key
}

fn own_key(writer: &WriterId) -> Vec<u8> {
    let mut key = vec![OWN];
    key.put_slice(writer.as_bytes());
    key
}

fn pending_key(change: Change) -> Vec<u8> {
    let mut key = vec![PENDING];
    key.put_u64(change.0);
    key
}

fn decode_change(bytes: &[u8]) -> Option<Change> {
    bytes.try_into().ok().map(u64::from_be_bytes).map(Change)
}

const NO_ROOT: u32 = u32::MAX;

fn encode_branch(branch: &Branch, commits: u64) -> Vec<u8> {
    let (root, shared) = branch.root.map_or((NO_ROOT, 0), |(root, shared)| (root.0, shared.0));
    let mut row = Vec::with_capacity(100);
    row.put_slice(branch.writer.as_bytes());
    row.put_u32(root);
    row.put_u64(shared);
    row.put_u64(branch.tip_seq.0);
    row.put_slice(branch.tip_id.as_bytes());
    row.put_u64(branch.tip_change.0);
    row.put_u64(commits);
    row
}

fn decode_branch(row: Bytes) -> Result<(Branch, u64), Malformed> {
    let mut input = Input::new(row);
    let writer = WriterId::from_stored(input.array()?);
    let root = match input.array().map(u32::from_be_bytes)? {
        NO_ROOT => None,
        no => Some(BranchNo(no)),
    };
    let shared = Seq(input.array().map(u64::from_be_bytes)?);
    if root.is_none() && shared != Seq(0) {
        return Err(input.malformed("no shared entry without a root"));
    }
    let tip_seq = Seq(input.array().map(u64::from_be_bytes)?);
    let tip_id = input.id()?;
    let tip_change = Change(input.array().map(u64::from_be_bytes)?);
    let commits = input.array().map(u64::from_be_bytes)?;
    input.end()?;
    Ok((Branch { writer, root: root.map(|no| (no, shared)), tip_seq, tip_id, tip_change }, commits))
}
