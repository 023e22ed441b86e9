//! Adding nodes: one, to the heads, or several at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use ed25519_dalek::ed25519::signature::{Error as SignError, Keypair};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hyperlog::{
    Change, Content, Doc, Error, Event, Hyperlog, Identity, LINKS_MAX, Link, LogError, Memory, News, NodeId,
    Read, Seq, Utf8, VALUE_BYTES_MAX,
};
use level::{Fjall, Level};

use crate::dag::dag;
use crate::support::{check, export, identity, import, nodes, open};

fn doc(links: impl IntoIterator<Item = Link>, value: &str) -> Doc<String> {
    Doc { links: links.into_iter().collect(), value: value.to_owned() }
}

#[test]
fn a_log_opens_over_any_level_and_is_ready_at_once() {
    // HL-1, HL-3
    let level: Arc<dyn Level> = Arc::new(Memory::new());
    let log = Hyperlog::options().open::<Utf8>(Arc::clone(&level), identity(1)).unwrap();
    assert!(log.opened().created);
    log.append("a").unwrap();
    log.append("b").unwrap();
    drop(log);
    let log = Hyperlog::options().open::<Utf8>(level, identity(1)).unwrap();
    assert!(!log.opened().created);
    assert_eq!(log.last(), Change(2), "the number of nodes is known when open returns");
    assert_eq!(log.append("c").unwrap().change, Change(3));
}

#[test]
fn a_reopened_log_has_the_same_writer_who_goes_on_counting() {
    // HL-2, HL-90
    let folder = tempfile::tempdir().unwrap();
    let add = |links: &[NodeId], value: &str| {
        let log = Hyperlog::<Utf8>::open(Fjall::open(folder.path()).unwrap(), identity(1)).unwrap();
        let node = log.add(links, value).unwrap();
        (log.writer(), node)
    };
    let (writer, hello) = add(&[], "hello");
    let (again, world) = add(&[hello.id], "world");
    assert_eq!((writer, hello.seq, world.seq), (again, Seq(1), Seq(2)));
    let log = Hyperlog::<Utf8>::open(Fjall::open(folder.path()).unwrap(), identity(1)).unwrap();
    assert_eq!(log.last(), Change(2));
    assert_eq!(log.heads().unwrap(), [world.id]);
    check(&log);
}

#[test]
fn changes_are_counted_from_one_without_gaps() {
    // HL-4
    let log = open(1);
    assert_eq!(log.last(), Change(0));
    for n in 1..=10 {
        assert_eq!(log.append(n.to_string()).unwrap().change, Change(n));
        assert_eq!(log.last(), Change(n));
    }
    log.add(&[NodeId::from_bytes([7; 32])], "refused").unwrap_err();
    assert_eq!(log.append("after a refused one").unwrap().change, Change(11));
}

#[test]
fn an_added_node_has_all_that_it_was_given() {
    // HL-5, HL-8
    let log = open(1);
    let node = log.add(&[], "hello").unwrap();
    assert_eq!((node.change, node.writer, node.seq), (Change(1), log.writer(), Seq(1)));
    assert_eq!((node.links.as_slice(), node.value()), (&[][..], Some(&"hello".to_owned())));
    assert_eq!(log.get(&node.id).unwrap(), node);
    assert!(log.contains(&node.id).unwrap());
}

#[test]
fn links_are_a_set() {
    // HL-6, amended: order and repetition say nothing.
    let dag = dag("a; b; c");
    let (a, b, c) = (dag["a"], dag["b"], dag["c"]);
    let mut ascending = vec![a, b, c];
    ascending.sort_unstable();
    for links in [vec![a, b, c], vec![c, b, a], vec![b, a, b, c, c, a]] {
        assert_eq!(dag.log.add(&links, "x").unwrap().links, ascending);
    }
    assert!(dag.log.add(&[], "x").unwrap().links.is_empty());
    let many: Vec<NodeId> = std::iter::repeat_n(a, 1_000).collect();
    assert_eq!(dag.log.add(&many, "one link, a thousand times").unwrap().links, [a]);
    check(&dag.log);
}

#[test]
fn an_unknown_link_is_refused_by_name_and_nothing_is_stored() {
    // HL-7
    let dag = dag("a; b<-a");
    let unknown = NodeId::from_bytes([7; 32]);
    match dag.log.add(&[dag["a"], unknown], "x") {
        Err(Error::UnknownLink { link }) => assert_eq!(link, unknown),
        other => panic!("{other:?}"),
    }
    assert_eq!((dag.log.last(), dag.heads().as_str()), (Change(2), "b"));
    check(&dag.log);
}

#[test]
fn the_same_words_twice_are_two_nodes() {
    // HL-11, HL-18..20, amended: ids cover the writer and the place.
    let log = open(1);
    let (one, two) = (log.add(&[], "same").unwrap(), log.add(&[], "same").unwrap());
    assert_ne!(one.id, two.id);
    assert_eq!((one.change, two.change), (Change(1), Change(2)));
    let batch = log.batch([doc([], "same"), doc([], "same")]).unwrap();
    assert_eq!(batch.iter().map(|node| node.change.0).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(log.changes(Read::all()).count(), 4);
    check(&log);
}

#[test]
fn parallel_adds_are_in_one_order_without_gaps() {
    // HL-12
    let log = open(1);
    let mut events = log.subscribe();
    let added: Vec<_> = std::thread::scope(|scope| {
        let add = |thread: usize| {
            let log = log.clone();
            move || (0..25).map(|n| log.append(format!("{thread}/{n}")).unwrap()).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(add(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut changes: Vec<u64> = added.iter().map(|node| node.change.0).collect();
    changes.sort_unstable();
    assert!(changes.into_iter().eq(1..=100));
    for (place, node) in (1..).zip(log.changes(Read::all())) {
        let node = node.unwrap();
        assert_eq!((node.change.0, node.seq.0), (place, place));
        assert!(added.contains(&node));
    }
    // Each links the one before it: appending links the heads of one moment.
    assert_eq!(log.heads().unwrap().len(), 1);
    let mut told = BTreeSet::new();
    while let Some(News::Event(event)) = events.try_next() {
        if let Event::Add { node, .. } = event {
            told.insert(node.change.0);
        }
    }
    assert!(told.into_iter().eq(1..=100));
    check(&log);
}

#[test]
fn append_links_the_heads_of_one_moment() {
    // HL-15
    let mut dag = dag("a<-*");
    assert!(dag.log.get(&dag["a"]).unwrap().links.is_empty());
    dag.draw("b; c<-a; d<-*");
    assert_eq!(dag.names(&dag.log.get(&dag["d"]).unwrap().links), "b c");
    assert_eq!(dag.heads(), "d");
    check(&dag.log);
}

#[test]
fn append_links_the_earliest_256_heads_and_the_others_stay_heads() {
    for heads in [31_usize, 32, 33, 255, 256, 257, 600] {
        let log = open(1);
        let added = log.batch((0..heads).map(|n| doc([], &n.to_string()))).unwrap();
        let mut expected: Vec<NodeId> = added.iter().take(LINKS_MAX).map(|node| node.id).collect();
        expected.sort_unstable();
        let appended = log.append("joins").unwrap();
        assert_eq!(appended.links, expected, "{heads} heads");
        assert_eq!(log.heads().unwrap().len(), heads.saturating_sub(LINKS_MAX) + 1);
        check(&log);
        while log.heads().unwrap().len() > 1 {
            log.append("joins").unwrap();
            check(&log);
        }
    }
}

#[test]
fn a_batch_returns_its_nodes_in_order_and_all_are_there() {
    // HL-17
    let dag = dag("a");
    let added = dag.log.batch(["b", "c", "d"].map(|value| doc([Link::Node(dag["a"])], value))).unwrap();
    for (node, value) in added.iter().zip(["b", "c", "d"]) {
        assert_eq!((node.links.as_slice(), node.value().unwrap().as_str()), (&[dag["a"]][..], value));
        assert_eq!(dag.log.get(&node.id).unwrap(), *node);
    }
    assert_eq!(dag.log.heads().unwrap().len(), 3);
    check(&dag.log);
}

#[test]
fn an_empty_batch_adds_nothing() {
    // HL-21
    let log = open(1);
    let mut events = log.subscribe();
    assert!(log.batch([]).unwrap().is_empty());
    assert_eq!((log.last(), events.try_next().is_none()), (Change(0), true));
}

#[test]
fn one_bad_document_stops_the_whole_batch() {
    // HL-22
    let dag = dag("a; b");
    let unknown = NodeId::from_bytes([7; 32]);
    let too_large = "x".repeat(VALUE_BYTES_MAX + 1);
    type IsExpected = fn(&Error) -> bool;
    let bad: [(Doc<String>, IsExpected); 4] = [
        (doc([Link::Node(unknown)], "bad"), |error| matches!(error, Error::UnknownLink { .. })),
        (doc([Link::Doc(1)], "bad"), |error| {
            matches!(error, Error::UnknownDocument { document: 1, link: 1 })
        }),
        (doc([Link::Doc(2)], "bad"), |error| {
            matches!(error, Error::UnknownDocument { document: 1, link: 2 })
        }),
        (doc([], &too_large), |error| matches!(error, Error::Log(LogError::TooLarge { .. }))),
    ];
    for (bad, is_expected) in bad {
        let docs = [doc([Link::Node(dag["a"])], "good"), bad, doc([Link::Doc(0)], "good, too")];
        let error = dag.log.batch(docs).unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        assert_eq!((dag.log.last(), dag.heads().as_str()), (Change(2), "a b"));
    }
    // The writer's numbers go on as if nothing had happened.
    assert_eq!(dag.log.append("after").unwrap().seq, Seq(3));
    check(&dag.log);
}

#[test]
fn a_document_may_link_to_earlier_ones_of_its_batch() {
    // HL-23
    let dag = dag("a");
    let docs = [
        doc([Link::Node(dag["a"])], "b"),
        doc([Link::Doc(0), Link::Node(dag["a"])], "c"),
        doc([Link::Doc(1), Link::Doc(0), Link::Doc(1)], "d"),
    ];
    let added = dag.log.batch(docs).unwrap();
    let mut expected = vec![added[0].id, added[1].id];
    expected.sort_unstable();
    assert_eq!(added[2].links, expected);
    assert_eq!(dag.log.heads().unwrap(), [added[2].id]);
    check(&dag.log);
}

#[test]
fn a_node_has_at_most_256_links() {
    let log = open(1);
    let ids: Vec<NodeId> =
        log.batch((0..257).map(|n| doc([], &n.to_string()))).unwrap().iter().map(|node| node.id).collect();
    match log.add(&ids, "x") {
        Err(error @ Error::TooManyLinks { count: 257 }) => assert!(error.to_string().contains("at most 256")),
        other => panic!("{other:?}"),
    }
    assert_eq!(log.last(), Change(257));
    let repeated = [&ids[..256], &ids[..256]].concat();
    assert_eq!(log.add(&repeated, "links count once").unwrap().links.len(), LINKS_MAX);
    assert_eq!(log.heads().unwrap().len(), 2);
    check(&log);
}

#[test]
fn the_largest_value_fits_and_one_byte_more_does_not() {
    let log = open(1);
    log.add(&[], "x".repeat(VALUE_BYTES_MAX)).unwrap();
    assert!(matches!(
        log.add(&[], "x".repeat(VALUE_BYTES_MAX + 1)),
        Err(Error::Log(LogError::TooLarge { .. }))
    ));
    let copy = open(2);
    import(&copy, &export(&log));
    assert_eq!(copy.last(), Change(1));
    check(&copy);
}

#[test]
fn nodes_of_several_writers_keep_their_writers() {
    // HL-24, HL-45, HL-47, amended: each log writes as its own identity.
    let (ana, ben) = (open(1), open(2));
    let a = ana.append("from ana").unwrap();
    import(&ben, &export(&ana));
    let b = ben.append("from ben").unwrap();
    assert_eq!(b.links, [a.id]);
    let reader = open(3);
    import(&reader, &export(&ben));
    let writers: Vec<_> = nodes(&reader).iter().map(|node| node.writer).collect();
    assert_eq!(writers, [ana.writer(), ben.writer()]);
    assert_eq!(reader.writers(), 2);
    // A node of mine that comes back from somebody else is stored once, and I go on after it.
    assert_eq!(import(&ana, &export(&reader)).stored, 1);
    assert_eq!(ana.append("again").unwrap().seq, Seq(2));
    check(&ana);
}

/// Signs with a key until it is told not to, or signs with the wrong one.
struct Hand {
    key: SigningKey,
    wrong: Option<SigningKey>,
    refuses: bool,
}

impl Keypair for Hand {
    type VerifyingKey = VerifyingKey;

    fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }
}

impl Signer<Signature> for Hand {
    fn try_sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        if self.refuses {
            return Err(SignError::new());
        }
        self.wrong.as_ref().unwrap_or(&self.key).try_sign(message)
    }
}

fn signed_by(wrong: bool, refuses: bool) -> Hyperlog<Utf8> {
    let wrong = wrong.then(|| SigningKey::from_bytes(&[2; 32]));
    let hand = Hand { key: SigningKey::from_bytes(&[1; 32]), wrong, refuses };
    Hyperlog::open(Memory::new(), Identity::from_signer(hand).unwrap()).unwrap()
}

#[test]
fn a_signer_of_ones_own_signs_nodes_that_others_accept() {
    // HL-43, HL-45
    let log = signed_by(false, false);
    assert_eq!(log.writer(), identity(1).writer());
    log.append("signed").unwrap();
    let other = open(2);
    assert_eq!(import(&other, &export(&log)).stored, 1);
    check(&other);
}

#[test]
fn a_node_that_is_not_signed_is_rejected_and_not_stored() {
    // HL-44, HL-46
    for (wrong, refuses) in [(false, true), (true, false)] {
        let log = signed_by(wrong, refuses);
        let mut events = log.subscribe();
        assert!(matches!(log.append("x"), Err(Error::Log(LogError::Sign(_)))));
        assert!(matches!(events.try_next(), Some(News::Event(Event::PreAdd { .. }))));
        assert!(matches!(events.try_next(), Some(News::Event(Event::Reject { .. }))));
        assert_eq!((log.last(), log.heads().unwrap().len()), (Change(0), 0));
        check(&log);
    }
}

#[test]
fn what_is_printed_of_a_node_leaves_its_value_out() {
    let log = open(1);
    let mut events = log.subscribe();
    let node = log.append("a secret").unwrap();
    let mut printed = format!("{log:?} {node:?} {:?} {:?}", doc([], "a secret"), log.changes(Read::all()));
    log.add(&[NodeId::from_bytes([7; 32])], "a secret").unwrap_err();
    while let Some(event) = events.try_next() {
        printed += &format!("{event:?}");
    }
    printed += &format!("{:?}", Content::Here("a secret"));
    assert!(!printed.contains("secret"), "{printed}");
    let bytes = format!("{:?}", nodes(&log));
    assert!(!bytes.contains("secret"), "{bytes}");
}

#[test]
fn adds_imports_and_deletes_at_once_give_each_node_the_place_that_add_said() {
    let other = open(2);
    let exports: Vec<Vec<u8>> = (0..40)
        .map(|n| {
            other.append(n.to_string()).unwrap();
            export(&other)
        })
        .collect();
    let log = open(1);
    let first = log.append("first").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let log = log.clone();
            scope.spawn(move || {
                for n in 0..40 {
                    let value = format!("{thread}/{n}");
                    let node = match n % 3 {
                        0 => log.append(value),
                        1 => log.add(&log.heads().unwrap(), value),
                        _ => log
                            .batch([doc([], "one"), doc([Link::Doc(0)], &value)])
                            .map(|mut nodes| nodes.remove(1)),
                    };
                    let node = node.unwrap();
                    assert_eq!(log.get(&node.id).unwrap(), node);
                }
            });
        }
        exports.iter().for_each(|export| drop(import(&log, export)));
        log.del(&first.id).unwrap();
    });
    assert_eq!(log.last(), Change(1 + 40 + 3 * (40 + 13)));
    check(&log);
}
