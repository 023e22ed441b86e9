//! What several tests need: maps, what they show, and a future run by hand.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use bytes::Bytes;
use hyperkv::{HyperKv, Identity, Memory, Select, Utf8, Values, What};
use hyperlog::{Hyperlog, Level, Node, NodeId, Read};
use level::Order;

pub(crate) type Map = HyperKv<Utf8>;

pub(crate) fn identity(n: u8) -> Identity {
    Identity::from_seed(&[n; 32])
}

/// An empty map of text in memory, written by writer `n`.
pub(crate) fn open(n: u8) -> Map {
    open_on(&Memory::new(), n)
}

pub(crate) fn open_on(level: &(impl Level + Clone + 'static), n: u8) -> Map {
    HyperKv::open(level.clone(), identity(n)).unwrap()
}

/// Empty maps of writers 1, 2 and 3.
pub(crate) fn three() -> [Map; 3] {
    [1, 2, 3].map(open)
}

pub(crate) fn sync<E, F>(one: &HyperKv<E>, other: &HyperKv<F>) {
    assert!(replicate::sync(one, other).unwrap().equal);
}

/// Syncs until all have everything.
pub(crate) fn sync_all<E>(maps: &[HyperKv<E>]) {
    for _ in 0..2 {
        maps.windows(2).for_each(|pair| sync(&pair[0], &pair[1]));
        maps.windows(2).rev().for_each(|pair| sync(&pair[0], &pair[1]));
    }
}

/// Values, sorted; `-` for a delete, `?` for what cannot be read.
pub(crate) fn shown(values: &Values<String>) -> String {
    let word = |what: &What<String>| match what {
        What::Put(value) => value.clone(),
        What::Deleted => "-".into(),
        What::Unreadable(_) => "?".into(),
    };
    assert!(values.ids().is_sorted_by(|one, other| one < other));
    let mut words: Vec<_> = values.iter().map(|value| word(&value.what)).collect();
    words.sort_unstable();
    words.join(" ")
}

pub(crate) fn get(kv: &Map, key: &str) -> String {
    shown(&kv.get(key).unwrap())
}

/// Keys and what they hold: `a=1 b=2|3`.
pub(crate) fn list(kv: &Map, select: Select) -> String {
    let entries = kv.list(select).unwrap().map(Result::unwrap);
    let word = |key: &Bytes, values: &Values<String>| {
        format!("{}={}", String::from_utf8_lossy(key), shown(values).replace(' ', "|"))
    };
    entries.map(|entry| word(&entry.key, &entry.values)).collect::<Vec<_>>().join(" ")
}

pub(crate) fn conflicts(kv: &Map, select: Select) -> String {
    let keys = kv.conflicts(select).unwrap().map(|entry| {
        let entry = entry.unwrap();
        assert!(entry.values.is_conflict());
        String::from_utf8_lossy(&entry.key).into_owned()
    });
    keys.collect::<Vec<_>>().join(" ")
}

/// All nodes in local order, as bytes.
pub(crate) fn nodes<E>(log: &Hyperlog<E>) -> Vec<Node> {
    log.with_encoding::<hyperlog::Binary>().changes(Read::all()).map(Result::unwrap).collect()
}

pub(crate) fn ids<E>(kv: &HyperKv<E>) -> Vec<NodeId> {
    nodes(kv.log()).into_iter().map(|node| node.id).collect()
}

/// All rows of the view.
pub(crate) type Rows = BTreeMap<Bytes, Bytes>;

pub(crate) fn rows<E>(kv: &HyperKv<E>) -> Rows {
    kv.index().range(.., Order::Ascending).unwrap().map(Result::unwrap).collect()
}

/// The rows of a view that begins with nothing, and takes in all at once.
pub(crate) fn rebuilt<E>(kv: &HyperKv<E>) -> Rows {
    rows(&HyperKv::<Utf8>::over(kv.log(), Memory::new()).unwrap())
}

/// Runs a future to its end on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}
