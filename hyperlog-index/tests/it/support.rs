//! What several tests need: logs, all that a view holds, and a future run by hand.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use bytes::Bytes;
use hyperlog::{Hyperlog, Identity, Level, Memory, Node, NodeId, Read, Utf8};
use hyperlog_index::{Index, Limits, Skipped, View};
use level::Order;

pub(crate) fn identity(n: u8) -> Identity {
    Identity::from_seed(&[n; 32])
}

/// An empty log of text in memory, written by writer `n`.
pub(crate) fn open(n: u8) -> Hyperlog<Utf8> {
    open_on(&Memory::new(), n)
}

pub(crate) fn open_on(level: &(impl Level + Clone + 'static), n: u8) -> Hyperlog<Utf8> {
    Hyperlog::open(level.clone(), identity(n)).unwrap()
}

/// A log of nodes `first..=last`, each of which links the one before.
pub(crate) fn chain(values: impl IntoIterator<Item = impl Into<String>>) -> Hyperlog<Utf8> {
    let log = open(1);
    append(&log, values);
    log
}

pub(crate) fn append(
    log: &Hyperlog<Utf8>,
    values: impl IntoIterator<Item = impl Into<String>>,
) -> Vec<NodeId> {
    values.into_iter().map(|value| log.append(value).unwrap().id).collect()
}

pub(crate) fn export<E>(log: &Hyperlog<E>) -> Vec<u8> {
    let mut out = Vec::new();
    log.export(&mut out).unwrap();
    out
}

pub(crate) fn import<E>(log: &Hyperlog<E>, bytes: &[u8]) {
    log.import(bytes).unwrap();
}

/// All nodes in local order, as bytes.
pub(crate) fn nodes<E>(log: &Hyperlog<E>) -> Vec<Node> {
    log.with_encoding::<hyperlog::Binary>().changes(Read::all()).map(Result::unwrap).collect()
}

pub(crate) fn ids<E>(log: &Hyperlog<E>) -> Vec<NodeId> {
    nodes(log).into_iter().map(|node| node.id).collect()
}

/// Opens a view with commits of so many nodes.
pub(crate) fn index<V: View>(
    log: &Hyperlog<Utf8>,
    level: &(impl Level + Clone + 'static),
    view: V,
    commit: usize,
) -> Index<V> {
    Index::open_with(log, Arc::new(level.clone()), view, Limits::new(commit, usize::MAX)).unwrap()
}

/// All rows of a view.
pub(crate) type Dump = BTreeMap<Bytes, Bytes>;

pub(crate) fn dump<V: View>(index: &Index<V>) -> Dump {
    index.range(.., Order::Ascending).unwrap().map(Result::unwrap).collect()
}

pub(crate) fn skipped<V: View>(index: &Index<V>) -> Vec<Skipped> {
    index.skipped().unwrap().map(Result::unwrap).collect()
}

/// All that a view holds, the local numbers of what was skipped aside.
pub(crate) fn holds<V: View>(index: &Index<V>) -> (Dump, BTreeMap<NodeId, String>) {
    (dump(index), skipped(index).into_iter().map(|skipped| (skipped.id, skipped.reason)).collect())
}

/// What a view holds that begins with nothing, and takes in all at once.
pub(crate) fn rebuilt<V: View>(log: &Hyperlog<Utf8>, view: V) -> (Dump, BTreeMap<NodeId, String>) {
    holds(&index(log, &Memory::new(), view, usize::MAX))
}

/// A number in a row; 0 where there is none.
pub(crate) fn number(row: Option<Bytes>) -> i64 {
    row.map_or(0, |row| i64::from_be_bytes(row[..].try_into().unwrap()))
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn waker() -> Waker {
    Waker::from(Arc::new(Unpark(std::thread::current())))
}

/// Runs a future to its end on this thread, and tells how often it was polled.
pub(crate) fn polled<F: Future>(future: F) -> (F::Output, usize) {
    let (waker, mut future) = (waker(), pin!(future));
    let mut polls = 0;
    loop {
        polls += 1;
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return (done, polls),
            Poll::Pending => std::thread::park(),
        }
    }
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    polled(future).0
}

/// Begins a future and drops it, unless it is done at once.
pub(crate) fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(&waker())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}
