//! Random graphs against a naive one, made of sets and lists.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyperlog::{Change, Content, Doc, Hyperlog, LINKS_MAX, Level, Link, Memory, NodeId, Read, Utf8};
use level::Fjall;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::{check, identity};

#[derive(Clone, Debug)]
enum Op {
    Add(Vec<Index>),
    /// Adds to nodes near the end only.
    AddLate(Vec<Index>),
    Append,
    /// Documents, each with links to nodes and to documents before it.
    Batch(Vec<(Vec<Index>, Vec<Index>)>),
    /// This many nodes that link nothing, or one node.
    Fan(usize, Option<Index>),
    /// A batch that must fail as a whole.
    BadBatch(Vec<Index>),
    Del(Index),
    Reopen,
}

fn indexes(max: usize) -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..max)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => indexes(4).prop_map(Op::Add),
        1 => prop::collection::vec(any::<Index>(), 100..400).prop_map(Op::Add),
        4 => indexes(3).prop_map(Op::AddLate),
        4 => Just(Op::Append),
        2 => prop::collection::vec((indexes(3), indexes(3)), 0..8).prop_map(Op::Batch),
        2 => (1usize..60, prop::option::of(any::<Index>())).prop_map(|(n, on)| Op::Fan(n, on)),
        1 => (200usize..400, prop::option::of(any::<Index>())).prop_map(|(n, on)| Op::Fan(n, on)),
        1 => indexes(3).prop_map(Op::BadBatch),
        1 => any::<Index>().prop_map(Op::Del),
        1 => Just(Op::Reopen),
    ]
}

struct Known {
    id: NodeId,
    links: BTreeSet<NodeId>,
    /// None once it was deleted.
    value: Option<String>,
}

/// The naive graph.
#[derive(Default)]
struct Naive(Vec<Known>);

impl Naive {
    fn pick(&self, links: &[Index]) -> Vec<NodeId> {
        links.iter().filter(|_| !self.0.is_empty()).map(|link| link.get(&self.0).id).take(LINKS_MAX).collect()
    }

    fn pick_late(&self, links: &[Index]) -> Vec<NodeId> {
        let late = &self.0[self.0.len().saturating_sub(5)..];
        links.iter().filter(|_| !late.is_empty()).map(|link| link.get(late).id).collect()
    }

    /// In local order.
    fn heads(&self) -> Vec<NodeId> {
        let linked: BTreeSet<NodeId> = self.0.iter().flat_map(|node| node.links.iter().copied()).collect();
        self.0.iter().map(|node| node.id).filter(|id| !linked.contains(id)).collect()
    }

    fn push(&mut self, id: NodeId, links: impl IntoIterator<Item = NodeId>, value: &str) {
        self.0.push(Known { id, links: links.into_iter().collect(), value: Some(value.into()) });
    }
}

fn open(level: &Arc<dyn Level>) -> Hyperlog<Utf8> {
    Hyperlog::options().open(Arc::clone(level), identity(1)).unwrap()
}

fn run(
    log: &mut Option<Hyperlog<Utf8>>,
    level: &dyn Fn() -> Arc<dyn Level>,
    naive: &mut Naive,
    op: &Op,
    text: &str,
) {
    let graph = log.as_ref().unwrap();
    match op {
        Op::Add(links) | Op::AddLate(links) => {
            let links = if matches!(op, Op::Add(_)) { naive.pick(links) } else { naive.pick_late(links) };
            let node = graph.add(&links, text).unwrap();
            naive.push(node.id, links, text);
        }
        Op::Append => {
            let links: BTreeSet<NodeId> = naive.heads().into_iter().take(LINKS_MAX).collect();
            let node = graph.append(text).unwrap();
            assert!(node.links.iter().eq(&links), "append links the earliest heads");
            naive.push(node.id, links, text);
        }
        Op::Batch(docs) => batch(graph, naive, docs, text),
        Op::Fan(n, on) => {
            let on = on.as_ref().map_or(vec![], |on| naive.pick(std::slice::from_ref(on)));
            let docs: Vec<_> = (0..*n)
                .map(|_| Doc { links: on.iter().copied().map(Link::Node).collect(), value: text.to_owned() })
                .collect();
            for node in graph.batch(docs).unwrap() {
                naive.push(node.id, on.clone(), text);
            }
        }
        Op::BadBatch(links) => {
            let links: Vec<Link> = naive.pick(links).into_iter().map(Link::Node).collect();
            let bad = Doc { links: vec![Link::Node(NodeId::from_bytes([7; 32]))], value: text.to_owned() };
            graph.batch([Doc { links, value: text.to_owned() }, bad]).unwrap_err();
        }
        Op::Del(at) => {
            if !naive.0.is_empty() {
                let at = at.index(naive.0.len());
                graph.del(&naive.0[at].id).unwrap();
                naive.0[at].value = None;
            }
        }
        Op::Reopen => {
            // The handle first: on disk it holds the lock.
            log.take();
            *log = Some(open(&level()));
        }
    }
}

fn batch(log: &Hyperlog<Utf8>, naive: &mut Naive, docs: &[(Vec<Index>, Vec<Index>)], text: &str) {
    let mut given = Vec::new();
    for (place, (nodes, earlier)) in docs.iter().enumerate() {
        let nodes = naive.pick(nodes).into_iter().map(Link::Node);
        let earlier = earlier.iter().filter(|_| place > 0).map(|link| Link::Doc(link.index(place)));
        given.push(Doc { links: nodes.chain(earlier).collect(), value: text.to_owned() });
    }
    let added = log.batch(given.clone()).unwrap();
    assert_eq!(added.len(), given.len());
    for (doc, node) in given.into_iter().zip(&added) {
        let links = doc.links.iter().map(|link| match link {
            Link::Node(id) => *id,
            Link::Doc(place) => added[*place].id,
        });
        naive.push(node.id, links.collect::<Vec<_>>(), text);
    }
}

/// Compares all that can be asked for.
fn compare(log: &Hyperlog<Utf8>, naive: &Naive) {
    let mut heads = naive.heads();
    heads.sort_unstable();
    assert_eq!(log.heads().unwrap(), heads);
    assert_eq!(log.last(), Change(naive.0.len() as u64));
    let all: Vec<_> = log.changes(Read::all()).map(Result::unwrap).collect();
    assert_eq!(all.len(), naive.0.len());
    for (node, known) in all.iter().zip(&naive.0) {
        assert_eq!(node.id, known.id);
        assert!(node.links.iter().eq(&known.links));
        match (&node.value, &known.value) {
            (Content::Here(value), Some(known)) => assert_eq!(value, known),
            (Content::Deleted, None) => {}
            (content, known) => panic!("{content:?} instead of {known:?}"),
        }
        assert_eq!(log.get(&node.id).unwrap(), *node);
    }
    let backwards: Vec<_> = log.changes(Read::all().reverse(true)).map(Result::unwrap).collect();
    assert!(backwards.iter().rev().eq(&all));
    let middle = Change(naive.0.len() as u64 / 2);
    let tail: Vec<_> = log.changes(Read::all().since(middle)).map(Result::unwrap).collect();
    assert!(tail.iter().eq(&all[all.len() / 2..]));
    check(log);
}

fn behaves(ops: &[Op], level: &dyn Fn() -> Arc<dyn Level>) {
    let mut log = Some(open(&level()));
    let mut naive = Naive::default();
    for (n, op) in ops.iter().enumerate() {
        run(&mut log, level, &mut naive, op, &n.to_string());
        let mut heads = naive.heads();
        heads.sort_unstable();
        assert_eq!(log.as_ref().unwrap().heads().unwrap(), heads, "after step {n}, {op:?}");
    }
    compare(log.as_ref().unwrap(), &naive);
    drop(log);
    compare(&open(&level()), &naive);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_graph_in_memory_is_a_graph(ops in prop::collection::vec(op(), 1..40)) {
        let level = Memory::new();
        behaves(&ops, &|| Arc::new(level.clone()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn a_graph_on_disk_is_a_graph(ops in prop::collection::vec(op(), 1..30)) {
        let folder = tempfile::tempdir().unwrap();
        behaves(&ops, &|| Arc::new(Fjall::open(folder.path()).unwrap()));
    }
}

#[test]
fn heads_far_apart_are_superseded_wherever_they_lie() {
    // Heads in the one row, in rows of their own, and moved up between them, in every small arrangement.
    for first in [0, 1, 31, 32, 33, 63, 64, 99] {
        for second in [0, 31, 32, 40, 98, 99] {
            let log = open(&(Arc::new(Memory::new()) as _));
            let doc = |n: u32| Doc { links: vec![], value: n.to_string() };
            let fan = log.batch((0..100).map(doc).collect::<Vec<_>>()).unwrap();
            let links = [fan[first].id, fan[second].id];
            log.batch([
                Doc { links: vec![links[0].into()], value: "one".into() },
                Doc { links: vec![links[1].into(), Link::Doc(0)], value: "two".into() },
                Doc { links: vec![fan[50].id.into()], value: "three".into() },
            ])
            .unwrap();
            check(&log);
            log.add(&[fan[33].id, fan[34].id, fan[2].id, fan[99].id], "four").unwrap();
            check(&log);
            log.append("all").unwrap();
            assert_eq!(log.heads().unwrap().len(), 1);
            check(&log);
        }
    }
}
