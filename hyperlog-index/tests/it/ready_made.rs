//! The views that come with the crate.

use std::collections::BTreeSet;
use std::ops::Bound;

use hyperlog::{Hyperlog, Json, Memory, NodeId};
use hyperlog_index::testing::Orders;
use hyperlog_index::{Fold, Index, Keys, words};
use level::{KeyRange, Order};
use proptest::prelude::*;

use crate::support::{append, chain, index, open, open_on, skipped};
use crate::views::{by_word, lengths};

type Log = Hyperlog<Json<Vec<Vec<u8>>>>;
type Keyed = Keys<Json<Vec<Vec<u8>>>, fn(&hyperlog::Node<Vec<Vec<u8>>>) -> Vec<Vec<u8>>>;
type Found = Vec<(Vec<u8>, NodeId)>;

/// Each value is a list of keys.
fn keyed() -> Keyed {
    Keys::new("keyed", 1, |node| node.value().cloned().unwrap_or_default())
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => Just(0), 1 => Just(1), 1 => Just(b'a'), 1 => Just(254), 2 => Just(255)];
    prop::collection::vec(byte, 0..4)
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![
        1 => Just(Bound::Unbounded),
        2 => key().prop_map(Bound::Included),
        2 => key().prop_map(Bound::Excluded),
    ]
}

/// All keys and nodes of a range, from the nodes.
fn scan(log: &Log, range: &KeyRange, order: Order) -> Found {
    let mut found = BTreeSet::new();
    for node in log.changes(hyperlog::Read::all()).map(Result::unwrap) {
        let keys = node.value().into_iter().flatten().filter(|key| range.contains(key));
        found.extend(keys.map(|key| (key.clone(), node.id)));
    }
    match order {
        Order::Ascending => found.into_iter().collect(),
        Order::Descending => found.into_iter().rev().collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_lookup_is_a_scan(
        nodes in prop::collection::vec(prop::collection::vec(key(), 0..5), 1..8),
        ranges in prop::collection::vec((bound(), bound(), any::<bool>()), 8),
        wanted in prop::collection::vec(key(), 8),
    ) {
        let log: Log = open(1).with_encoding();
        nodes.iter().for_each(|keys| drop(log.append(keys.clone()).unwrap()));
        let keyed = Index::open(&log, Memory::new(), keyed()).unwrap();
        for (start, end, up) in ranges {
            let (range, order) =
                (KeyRange::new(start, end), if up { Order::Ascending } else { Order::Descending });
            let found = keyed.find_range(range.clone(), order).unwrap().map(Result::unwrap);
            let found: Found = found.map(|(key, id)| (key.to_vec(), id)).collect();
            prop_assert_eq!(found, scan(&log, &range, order));
        }
        for key in wanted {
            let found: Vec<NodeId> = keyed.find(&key).unwrap().map(Result::unwrap).collect();
            let only = scan(&log, &KeyRange::from(key.clone()..=key), Order::Ascending);
            prop_assert_eq!(found, only.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_scan_is_no_lookup_of_something_else() {
    // The control for the property above.
    let log: Log = open(1).with_encoding();
    let a = log.append(vec![b"a".to_vec(), b"b".to_vec(), b"a".to_vec()]).unwrap().id;
    let all = KeyRange::all();
    assert_eq!(scan(&log, &all, Order::Ascending), [(b"a".to_vec(), a), (b"b".to_vec(), a)]);
    assert_eq!(scan(&log, &all, Order::Descending), [(b"b".to_vec(), a), (b"a".to_vec(), a)]);
    assert_eq!(scan(&log, &KeyRange::after("a"), Order::Ascending), [(b"b".to_vec(), a)]);
    Orders::of(&log).unwrap().check(&keyed(), 5, 1, |rows| rows).unwrap().unwrap();
}

#[test]
fn prefixes_zeros_and_the_empty_key_are_keys_of_their_own() {
    let log: Log = open(1).with_encoding();
    let keys: [&[u8]; 8] = [b"", b"\0", b"\0\0", b"\0\xff", b"\x01", b"a", b"a\0", b"a\0b"];
    let ids: Vec<NodeId> = keys.iter().map(|key| log.append(vec![key.to_vec()]).unwrap().id).collect();
    let keyed = Index::open(&log, Memory::new(), keyed()).unwrap();
    for (key, id) in keys.iter().zip(&ids) {
        assert_eq!(keyed.find(key).unwrap().map(Result::unwrap).collect::<Vec<_>>(), [*id], "{key:?}");
    }
    let found = |range: KeyRange, order| {
        let found = keyed.find_range(range, order).unwrap();
        found.map(|found| found.unwrap().0.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(found(KeyRange::all(), Order::Ascending), keys);
    assert_eq!(found(KeyRange::prefix(b"a"), Order::Descending), [keys[7], keys[6], keys[5]]);
    assert!(found(KeyRange::from("b".."a"), Order::Ascending).is_empty());
}

#[test]
fn a_key_that_is_too_long_skips_its_node_and_no_other() {
    let log: Log = open(1).with_encoding();
    log.append(vec![b"short".to_vec(), vec![0; 40_000]]).unwrap();
    log.append(vec![vec![0; 32_000]]).unwrap();
    let keyed = Index::open(&log, Memory::new(), keyed()).unwrap();
    assert_eq!(keyed.find("short").unwrap().count(), 0, "all of the node or nothing");
    assert_eq!(keyed.find(vec![0; 32_000]).unwrap().count(), 1);
    assert_eq!(keyed.find(vec![0; 70_000]).unwrap().count(), 0);
    assert_eq!(keyed.skipped().unwrap().count(), 1);
}

#[test]
fn nodes_are_found_by_their_words() {
    let log = chain(["Hello, world!", "The WORLD's \u{e9}t\u{e9}", "", "hello-hello 42"]);
    let by_word = index(&log, &Memory::new(), by_word(), 2);
    let count = |word: &str| by_word.find(word).unwrap().count();
    assert_eq!(["hello", "world", "s", "\u{e9}t\u{e9}", "42", "Hello", ""].map(count), [2, 2, 1, 1, 1, 0, 0]);
    append(&log, ["hello"]);
    assert_eq!(count("hello"), 3);
    let ids: Vec<NodeId> = by_word.find("hello").unwrap().map(Result::unwrap).collect();
    assert!(ids.is_sorted(), "the same on every replica");
    assert!(format!("{:?}", by_word.view()).contains("by-word"));
}

#[test]
fn words_are_letters_and_digits_in_lower_case() {
    let all = |text: &str| words(text).collect::<Vec<_>>().join(" ");
    assert_eq!(all("One, two;THREE...4th \u{df}\u{c4}"), "one two three 4th \u{df}\u{e4}");
    assert_eq!(all(" \n,;"), "");
    assert_eq!(all(&format!("{} {} b", "a".repeat(256), "a".repeat(257))).len(), 258, "the longest is 256");
}

#[test]
fn a_fold_is_a_loop_over_the_nodes() {
    let log = open(1);
    let lengths = index(&log, &Memory::new(), lengths(), 2);
    assert_eq!(lengths.value().unwrap(), (0, 0), "it begins empty");
    append(&log, ["a", "bb", "ccc"]);
    assert_eq!(lengths.value().unwrap(), (3, 6));
    assert!(format!("{:?}", lengths.view()).contains("lengths"));
}

#[test]
fn a_fold_that_panics_leaves_the_value_as_it_was() {
    let level = Memory::new();
    let log = open_on(&level, 1);
    append(&log, ["1", "x", "2"]);
    let sum = || {
        Fold::<hyperlog::Utf8, u64, _>::new("sum", 1, 0, |sum, node| {
            *sum += 100;
            *sum -= 100 - node.value().unwrap().parse::<u64>().unwrap();
        })
    };
    let fold = index(&log, &level, sum(), 9);
    assert_eq!((fold.value().unwrap(), skipped(&fold).len()), (3, 1));
    append(&log, ["4"]);
    assert_eq!(index(&log, &level, sum(), 9).value().unwrap(), 7);
}
