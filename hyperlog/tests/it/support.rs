//! What several tests need: logs, copies of them, and a checker that trusts nothing but the nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use hyperlog::{
    Change, Hyperlog, Identity, ImportCause, Imported, Memory, Node, NodeId, Read, Seq, Utf8, WriterId,
};

pub(crate) fn identity(n: u8) -> Identity {
    Identity::from_seed(&[n; 32])
}

/// An empty log of text in memory, written by writer `n`.
pub(crate) fn open(n: u8) -> Hyperlog<Utf8> {
    Hyperlog::open(Memory::new(), identity(n)).unwrap()
}

pub(crate) fn export<E>(log: &Hyperlog<E>) -> Vec<u8> {
    let mut out = Vec::new();
    log.export(&mut out).unwrap();
    out
}

pub(crate) fn import<E>(log: &Hyperlog<E>, bytes: &[u8]) -> Imported {
    log.import(bytes).unwrap()
}

/// Why an import stopped.
pub(crate) fn import_fails<E>(log: &Hyperlog<E>, bytes: &[u8]) -> ImportCause {
    log.import(bytes).unwrap_err().cause
}

/// All nodes in local order, as bytes.
pub(crate) fn nodes<E>(log: &Hyperlog<E>) -> Vec<Node> {
    log.with_encoding::<hyperlog::Binary>().changes(Read::all()).map(Result::unwrap).collect()
}

/// What two replicas with the same nodes agree on: everything but the local order.
pub(crate) type Agreed =
    (BTreeMap<NodeId, (WriterId, Seq, Vec<NodeId>, hyperlog::Content<bytes::Bytes>)>, Vec<NodeId>);

pub(crate) fn agreed<E>(log: &Hyperlog<E>) -> Agreed {
    let nodes = nodes(log).into_iter().map(|node| (node.id, (node.writer, node.seq, node.links, node.value)));
    (nodes.collect(), log.heads().unwrap())
}

/// Checks a log whose nodes all count: its own check, and one that goes by the nodes alone.
pub(crate) fn check<E>(log: &Hyperlog<E>) {
    let checked = log.fsck().unwrap();
    assert!(checked.is_clean(), "{checked:?}");
    check_nodes(&nodes(log), &log.heads().unwrap(), log.last(), |_| false).unwrap();
}

/// Checks that nodes in local order are a graph with such heads, given which of them are void.
pub(crate) fn check_nodes(
    nodes: &[Node],
    heads: &[NodeId],
    last: Change,
    is_void: impl Fn(&NodeId) -> bool,
) -> Result<(), String> {
    let (mut seen, mut counted) = (BTreeSet::new(), BTreeSet::new());
    for (place, node) in (1..).zip(nodes) {
        if node.change != Change(place) {
            return Err(format!("node {place} has number {}", node.change));
        }
        if let Some(link) = node.links.iter().find(|link| !seen.contains(*link)) {
            return Err(format!("node {place} links to {link}, which does not come before it"));
        }
        if !node.links.is_sorted_by(|a, b| a < b) {
            return Err(format!("the links of node {place} are no ascending set"));
        }
        if !seen.insert(node.id) {
            return Err(format!("node {place} stands twice"));
        }
        if !is_void(&node.id) {
            node.links.iter().for_each(|link| {
                counted.remove(link);
            });
            counted.insert(node.id);
        }
    }
    if last.0 != nodes.len() as u64 {
        return Err(format!("the last node is said to be {last} of {}", nodes.len()));
    }
    if heads.iter().ne(&counted) {
        return Err(format!("the heads are {heads:?}, and should be {counted:?}"));
    }
    Ok(())
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let dag = crate::dag::dag("a; b<-a; c<-a; d<-b,c; e");
    let (nodes, heads, last) = (nodes(&dag.log), dag.log.heads().unwrap(), dag.log.last());
    let none = |_: &NodeId| false;
    check_nodes(&nodes, &heads, last, none).unwrap();
    check_nodes(&nodes, &heads[..1], last, none).unwrap_err();
    check_nodes(&nodes, &[heads.as_slice(), &[dag["a"]]].concat(), last, none).unwrap_err();
    check_nodes(&nodes, &heads, Change(4), none).unwrap_err();
    check_nodes(&nodes, &heads, last, |id| *id == dag["d"]).unwrap_err();
    check_nodes(&nodes[1..], &heads, last, none).unwrap_err();
    let mut swapped = nodes.clone();
    swapped.swap(0, 1);
    (swapped[0].change, swapped[1].change) = (Change(1), Change(2));
    check_nodes(&swapped, &heads, last, none).unwrap_err();
    let mut twice = nodes.clone();
    twice[4] = twice[0].clone();
    twice[4].change = Change(5);
    check_nodes(&twice, &heads, last, none).unwrap_err();
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
