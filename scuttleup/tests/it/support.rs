//! What the tests share: stores compared byte for byte, and entries made by hand.
//!
//! The encoder here is a second one, written from the format, so that it can also write what the first never
//! would, and so that both can be compared.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};
use level::{KeyRange, Level, Memory, Order, Row};
use scuttleup::{
    EntryId, Group, GroupError, Header, Identity, Imported, Ingested, Log, Plain, Read, Seq, Topic, Verified,
    WriterId,
};

/// Everything that a level holds, to be compared byte for byte.
pub(crate) fn dump(level: &dyn Level) -> BTreeMap<String, Vec<Row>> {
    let rows = |name: &String| {
        let sub = level.sub(name).unwrap();
        level.range(sub, KeyRange::all(), Order::Ascending).map(Result::unwrap).collect()
    };
    level.subs().unwrap().into_iter().map(|name| (name.clone(), rows(&name))).collect()
}

pub(crate) fn identity(seed: u8) -> Identity {
    Identity::from_seed(&[seed; 32])
}

pub(crate) fn log(seed: u8) -> Log {
    Log::open(Memory::new(), identity(seed)).unwrap()
}

/// A log, and the level below it to look at.
pub(crate) fn log_on_level(seed: u8) -> (Log, Memory) {
    let level = Memory::new();
    (Log::open(level.clone(), identity(seed)).unwrap(), level)
}

pub(crate) fn export(log: &Log) -> Vec<u8> {
    let mut out = Vec::new();
    log.export(&mut out).unwrap();
    out
}

pub(crate) fn import(log: &Log, bytes: &[u8]) -> Imported {
    log.import(bytes).unwrap()
}

pub(crate) fn decode(bytes: impl Into<Bytes>) -> Result<Group, GroupError> {
    Group::decode(bytes.into(), Topic::OPEN, &Plain)
}

pub(crate) fn verify(log: &Log, bytes: impl Into<Bytes>) -> Result<Verified, GroupError> {
    log.verify(decode(bytes)?)
}

/// All the way from bytes into the log.
pub(crate) fn take(log: &Log, bytes: impl Into<Bytes>) -> Result<Ingested, GroupError> {
    log.ingest(verify(log, bytes)?)
}

pub(crate) fn values(log: &Log) -> Vec<String> {
    log.read(Read::all()).map(|entry| text(entry.unwrap().value().bytes())).collect()
}

pub(crate) fn text(bytes: Option<&Bytes>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

/// Ids in order of their bytes: what is the same on every replica.
pub(crate) fn ids(log: &Log) -> Vec<EntryId> {
    let mut ids: Vec<EntryId> = log.read(Read::all()).map(|entry| entry.unwrap().id()).collect();
    ids.sort_unstable();
    ids
}

pub(crate) fn assert_clean(log: &Log) {
    let checked = log.fsck().unwrap();
    assert!(checked.is_clean(), "{checked:#?}");
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        std::thread::park();
    }
}

/// An entry made by hand, honest until a test changes it.
#[derive(Clone)]
pub(crate) struct Forged {
    pub(crate) seed: u8,
    pub(crate) writer: WriterId,
    pub(crate) topic: Topic,
    pub(crate) seq: u64,
    pub(crate) prev: Option<EntryId>,
    pub(crate) value: Vec<u8>,
    pub(crate) hollow: bool,
    pub(crate) signature: Option<[u8; 64]>,
}

impl Forged {
    pub(crate) fn first(seed: u8, value: &str) -> Self {
        let writer = identity(seed).writer();
        let value = value.as_bytes().to_vec();
        Self { seed, writer, topic: Topic::OPEN, seq: 1, prev: None, value, hollow: false, signature: None }
    }

    pub(crate) fn next(&self, value: &str) -> Self {
        let value = value.as_bytes().to_vec();
        Self { seq: self.seq + 1, prev: Some(self.id()), value, hollow: false, signature: None, ..*self }
    }

    pub(crate) fn signed(mut self) -> Self {
        self.signature = Some(sign(self.seed, &self.id()));
        self
    }

    pub(crate) fn hollow(mut self) -> Self {
        self.hollow = true;
        self
    }

    pub(crate) fn header(&self) -> Header {
        Header {
            topic: self.topic,
            writer: self.writer,
            seq: Seq(self.seq),
            prev: self.prev,
            ext: Bytes::new(),
            value_len: self.value.len() as u32,
            value_hash: Header::hash_value(&self.value),
        }
    }

    pub(crate) fn id(&self) -> EntryId {
        self.header().id()
    }
}

pub(crate) fn sign(seed: u8, id: &EntryId) -> [u8; 64] {
    let message = [b"hyperlog/1 entry".as_slice(), id.as_bytes()].concat();
    SigningKey::from_bytes(&[seed; 32]).sign(&message).to_bytes()
}

/// A chain of `n` entries of one writer of which the last is signed.
pub(crate) fn chain(seed: u8, n: usize) -> Vec<Forged> {
    let mut chain = vec![Forged::first(seed, "1")];
    while chain.len() < n {
        let next = chain.last().unwrap().next(&format!("{}", chain.len() + 1));
        chain.push(next);
    }
    let last = chain.pop().unwrap().signed();
    chain.push(last);
    chain
}

pub(crate) fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n > 127 {
        out.push((n % 128) as u8 + 128);
        n /= 128;
    }
    out.push(n as u8);
}

/// The bytes of a group.
pub(crate) fn group(entries: &[Forged]) -> Vec<u8> {
    let mut writers: Vec<WriterId> = Vec::new();
    for entry in entries {
        if !writers.contains(&entry.writer) {
            writers.push(entry.writer);
        }
    }
    let mut out = Vec::new();
    varint(&mut out, writers.len() as u64);
    writers.iter().for_each(|writer| out.extend(writer.as_bytes()));
    let ids: Vec<EntryId> = entries.iter().map(Forged::id).collect();
    let mut at = 0;
    while at < entries.len() {
        let mut end = at + 1;
        while end < entries.len() && entries[end].prev == Some(ids[end - 1]) {
            end += 1;
        }
        let first = &entries[at];
        varint(&mut out, writers.iter().position(|writer| *writer == first.writer).unwrap() as u64);
        varint(&mut out, first.seq);
        if let Some(prev) = first.prev {
            match ids[..at].iter().rposition(|id| *id == prev) {
                Some(place) => varint(&mut out, (at - place) as u64),
                None => {
                    out.push(0);
                    out.extend(prev.as_bytes());
                }
            }
        }
        varint(&mut out, (end - at) as u64);
        for entry in &entries[at..end] {
            entry_bytes(&mut out, entry);
        }
        at = end;
    }
    out
}

fn entry_bytes(out: &mut Vec<u8>, entry: &Forged) {
    out.push(u8::from(entry.signature.is_some()) + 2 * u8::from(entry.hollow));
    varint(out, entry.value.len() as u64);
    if entry.hollow {
        out.extend(Header::hash_value(&entry.value));
    } else {
        out.extend(&entry.value);
    }
    out.extend(entry.signature.iter().flatten());
}
