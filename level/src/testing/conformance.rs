//! The promises of a level, each as a check that panics when it is broken.
#![expect(clippy::unwrap_used, reason = "a broken promise is a failed test, and says which")]

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;

use crate::{
    Batch, Durability, Error, KEY_BYTES_MAX, KeyRange, Level, NAME_BYTES_MAX, Order, Read, Sub, copy, within,
};

/// Checks every promise of [`Level`] that can be seen without closing it. `make` gives an empty level each time.
///
/// # Panics
///
/// If a promise is broken, with the promise.
pub fn conformance<L: Level + 'static>(make: impl Fn() -> L) {
    what_was_put_is_found(&make());
    keys_are_in_the_order_of_their_bytes(&make());
    ranges_hold_what_lies_between_their_bounds(&make());
    a_prefix_holds_what_begins_with_it(&make());
    a_range_shows_the_moment_it_was_asked_for(&make());
    a_batch_spans_sub_levels(&make());
    the_last_change_of_a_key_wins(&make());
    a_refused_batch_changes_nothing(&make());
    snapshots_do_not_change(&make());
    a_removed_sub_level_stays_removed(&make());
    names_are_checked_and_listed(&make());
    values_may_be_empty_or_large(&make());
    an_empty_batch_is_a_sync(&make());
    parts_keep_to_their_prefix(Arc::new(make()));
    a_copy_holds_all_that_is_there(&make(), &make());
}

/// Checks [`conformance`], and that reopening keeps everything. `reopen` closes the level that it is given and
/// opens the same one again.
///
/// # Panics
///
/// If a promise is broken, with the promise.
pub fn conformance_reopening<L: Level + 'static>(make: impl Fn() -> L, reopen: impl Fn(L) -> L) {
    conformance(&make);
    reopening_keeps_everything(make(), &reopen);
    sub_levels_come_and_go_across_reopening(make(), &reopen);
}

fn put(level: &impl Level, sub: Sub, rows: &[(&[u8], &[u8])]) {
    let mut batch = Batch::new();
    for (key, value) in rows {
        batch.put(sub, Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
    }
    level.apply(batch, Durability::Buffered).unwrap();
}

fn put_keys(level: &impl Level, sub: Sub, keys: &[&[u8]]) {
    let rows: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (*key, *key)).collect();
    put(level, sub, &rows);
}

fn keys(level: &(impl Read + ?Sized), sub: Sub, range: impl Into<KeyRange>, order: Order) -> Vec<Vec<u8>> {
    level.range(sub, range.into(), order).map(|row| row.unwrap().0.to_vec()).collect()
}

fn all(level: &(impl Read + ?Sized), sub: Sub) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = level.range(sub, KeyRange::all(), Order::Ascending);
    rows.map(|row| row.unwrap()).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

fn is_unknown<T>(result: Result<T, Error>, asked: Sub) -> bool {
    matches!(result, Err(Error::UnknownSub { sub }) if sub == asked)
}

fn what_was_put_is_found(level: &impl Level) {
    let sub = level.sub("a").unwrap();
    assert_eq!(level.get(sub, b"k").unwrap(), None, "a new sub-level is empty");
    put(level, sub, &[(b"k", b"one"), (b"l", b"two")]);
    assert_eq!(level.get(sub, b"k").unwrap().as_deref(), Some(&b"one"[..]), "what was put is found");
    put(level, sub, &[(b"k", b"three")]);
    assert_eq!(
        level.get(sub, b"k").unwrap().as_deref(),
        Some(&b"three"[..]),
        "a later put replaces an earlier one"
    );
    let mut batch = Batch::new();
    batch.del(sub, "k");
    batch.del(sub, "never was");
    level.apply(batch, Durability::Synced).unwrap();
    assert_eq!(level.get(sub, b"k").unwrap(), None, "what was deleted is gone");
    assert_eq!(keys(level, sub, .., Order::Ascending), [b"l"], "a delete takes its key only");
    level.put(sub, b"m", b"alone", Durability::Buffered).unwrap();
    level.del(sub, b"l", Durability::Buffered).unwrap();
    assert_eq!(all(level, sub), [(b"m".to_vec(), b"alone".to_vec())], "single rows are batches of one");
}

fn keys_are_in_the_order_of_their_bytes(level: &impl Level) {
    let sub = level.sub("a").unwrap();
    let mut sorted: Vec<&[u8]> =
        vec![b"\0", b"\0\0", b"\x01", b"A", b"a", b"a\0", b"aa", b"b", b"\x80", b"\xff", b"\xff\xff"];
    sorted.sort_unstable();
    for key in sorted.iter().rev() {
        put_keys(level, sub, &[key]);
    }
    assert_eq!(keys(level, sub, .., Order::Ascending), sorted, "ascending is the order of the bytes");
    sorted.reverse();
    assert_eq!(keys(level, sub, .., Order::Descending), sorted, "descending is the other way round");
}

fn ranges_hold_what_lies_between_their_bounds(level: &impl Level) {
    let sub = level.sub("a").unwrap();
    let stored: Vec<Vec<u8>> = (0..=200u8).step_by(2).map(|n| vec![b'k', n]).collect();
    for key in &stored {
        put_keys(level, sub, &[key]);
    }
    let mut bounds: Vec<Bound<Vec<u8>>> = vec![Bound::Unbounded];
    // Present, absent, before all, after all, a neighbour that differs by a zero byte, and empty.
    for key in [&b"k\x0a"[..], b"k\x0b", b"a", b"z", b"k\x0a\0", b"k\xc8", b""] {
        bounds.extend([Bound::Included(key.to_vec()), Bound::Excluded(key.to_vec())]);
    }
    for start in &bounds {
        for end in &bounds {
            let range = KeyRange::new(start.clone(), end.clone());
            let mut expected: Vec<_> = stored.iter().filter(|key| range.contains(key)).cloned().collect();
            assert_eq!(keys(level, sub, range.clone(), Order::Ascending), expected, "{range:?} ascending");
            expected.reverse();
            assert_eq!(keys(level, sub, range.clone(), Order::Descending), expected, "{range:?} descending");
        }
    }
}

fn a_prefix_holds_what_begins_with_it(level: &impl Level) {
    let sub = level.sub("a").unwrap();
    let stored: [&[u8]; 10] = [
        b"\xfe",
        b"\xfe\xff",
        b"\xff",
        b"\xff\0",
        b"\xff\xff",
        b"\xff\xff\xff",
        b"a",
        b"a\xff",
        b"a\xff\xff",
        b"b",
    ];
    put_keys(level, sub, &stored);
    for prefix in [
        &b""[..],
        b"a",
        b"a\xff",
        b"a\xff\xff\xff",
        b"b",
        b"c",
        b"\xfe",
        b"\xff",
        b"\xff\xff",
        b"\xff\xff\xff\xff",
    ] {
        let mut expected: Vec<_> =
            stored.iter().filter(|key| key.starts_with(prefix)).map(|key| key.to_vec()).collect();
        expected.sort();
        let found = keys(level, sub, KeyRange::prefix(prefix), Order::Ascending);
        assert_eq!(found, expected, "a prefix of {prefix:?} holds what begins with it");
    }
}

fn a_range_shows_the_moment_it_was_asked_for(level: &impl Level) {
    let sub = level.sub("a").unwrap();
    let before: Vec<Vec<u8>> = (0..300u16).map(|n| n.to_be_bytes().to_vec()).collect();
    for key in &before {
        put_keys(level, sub, &[key]);
    }
    let mut rows = level.range(sub, KeyRange::all(), Order::Ascending);
    let mut seen = vec![rows.next().unwrap().unwrap().0.to_vec()];
    let mut batch = Batch::new();
    batch.del(sub, before.last().unwrap().clone());
    batch.put(sub, &b"\0\0new"[..], "");
    level.apply(batch, Durability::Buffered).unwrap();
    seen.extend(rows.map(|row| row.unwrap().0.to_vec()));
    assert!(seen == before, "a range shows the moment it was asked for");
}

fn a_batch_spans_sub_levels(level: &impl Level) {
    let (a, b) = (level.sub("a").unwrap(), level.sub("b").unwrap());
    let mut batch = Batch::new();
    batch.put(a, "k", "in a");
    batch.put(b, "k", "in b");
    level.apply(batch, Durability::Buffered).unwrap();
    assert_eq!(
        level.get(a, b"k").unwrap().as_deref(),
        Some(&b"in a"[..]),
        "each sub-level has keys of its own"
    );
    assert_eq!(
        level.get(b, b"k").unwrap().as_deref(),
        Some(&b"in b"[..]),
        "a batch reaches every sub-level it names"
    );
}

fn the_last_change_of_a_key_wins(level: &impl Level) {
    let sub = level.sub("a").unwrap();
    let mut batch = Batch::new();
    batch.put(sub, "twice", "one");
    batch.put(sub, "twice", "two");
    batch.put(sub, "gone", "one");
    batch.del(sub, "gone");
    batch.del(sub, "back");
    batch.put(sub, "back", "here");
    level.apply(batch, Durability::Buffered).unwrap();
    let expected = [(b"back".to_vec(), b"here".to_vec()), (b"twice".to_vec(), b"two".to_vec())];
    assert_eq!(all(level, sub), expected, "the last change of a key in a batch wins");
}

fn a_refused_batch_changes_nothing(level: &impl Level) {
    let (a, b) = (level.sub("a").unwrap(), level.sub("b").unwrap());
    put_keys(level, a, &[b"kept"]);
    level.remove("b").unwrap();
    let refused = |change: &dyn Fn(&mut Batch)| {
        let mut batch = Batch::new();
        batch.put(a, "new", "");
        batch.del(a, "kept");
        change(&mut batch);
        let result = level.apply(batch, Durability::Buffered);
        assert_eq!(
            keys(level, a, .., Order::Ascending),
            [b"kept"],
            "a refused batch changes nothing: {result:?}"
        );
        result
    };
    assert!(
        is_unknown(refused(&|batch| batch.put(b, "k", "")), b),
        "a batch with an unknown sub-level is refused"
    );
    assert!(
        is_unknown(refused(&|batch| batch.del(b, "k")), b),
        "a delete in an unknown sub-level is refused, too"
    );
    for len in [0, KEY_BYTES_MAX + 1, 10 * KEY_BYTES_MAX] {
        let put = refused(&|batch| batch.put(a, vec![7; len], ""));
        assert!(
            matches!(put, Err(Error::Key { len: said }) if said == len),
            "a key of {len} bytes is refused"
        );
        let del = refused(&|batch| batch.del(a, vec![7; len]));
        assert!(matches!(del, Err(Error::Key { .. })), "so is its delete");
        assert_eq!(level.get(a, &vec![7; len]).unwrap(), None, "a key that cannot be stored is not found");
    }
    put_keys(level, a, &[&vec![b'z'; KEY_BYTES_MAX]]);
    assert_eq!(
        keys(level, a, .., Order::Ascending).len(),
        2,
        "the longest key is stored, and the level goes on"
    );
}

fn snapshots_do_not_change(level: &impl Level) {
    let (a, b) = (level.sub("a").unwrap(), level.sub("b").unwrap());
    put_keys(level, a, &[b"1", b"2"]);
    put_keys(level, b, &[b"1"]);
    let snapshot = level.snapshot().unwrap();
    let mut batch = Batch::new();
    batch.del(a, "1");
    batch.put(a, "2", "changed");
    batch.put(a, "3", "");
    batch.put(b, "2", "");
    level.apply(batch, Durability::Buffered).unwrap();
    let later = level.sub("later").unwrap();
    level.remove("b").unwrap();
    put_keys(level, level.sub("b").unwrap(), &[b"another"]);
    let expected = [(b"1".to_vec(), b"1".to_vec()), (b"2".to_vec(), b"2".to_vec())];
    assert_eq!(all(&snapshot, a), expected, "a snapshot does not see later writes");
    assert_eq!(snapshot.get(a, b"3").unwrap(), None, "a snapshot does not see later writes");
    assert_eq!(
        keys(&snapshot, b, .., Order::Descending),
        [b"1"],
        "a snapshot keeps a sub-level that is removed"
    );
    assert!(is_unknown(snapshot.get(later, b"k"), later), "a snapshot does not know later sub-levels");
    assert_eq!(keys(level, a, .., Order::Ascending), [b"2", b"3"], "the level has moved on");
}

fn a_removed_sub_level_stays_removed(level: &impl Level) {
    let old = level.sub("a").unwrap();
    put_keys(level, old, &[b"1", b"2"]);
    assert!(level.remove("a").unwrap(), "removing says that it was there");
    assert!(!level.remove("a").unwrap(), "removing again says that it was not");
    assert!(level.subs().unwrap().is_empty(), "a removed sub-level is not listed");
    let new = level.sub("a").unwrap();
    assert_ne!(old, new, "a handle is never given out again");
    assert!(all(level, new).is_empty(), "a sub-level that is created again is empty");
    put_keys(level, new, &[b"3"]);
    assert!(is_unknown(level.get(old, b"1"), old), "the handle of a removed sub-level stays invalid");
    let mut rows = level.range(old, KeyRange::all(), Order::Ascending);
    assert!(is_unknown(rows.next().unwrap(), old), "a range says that its sub-level is unknown");
    assert!(rows.next().is_none(), "an error ends a range");
    assert_eq!(keys(level, new, .., Order::Ascending), [b"3"], "the new one works");
}

fn names_are_checked_and_listed(level: &impl Level) {
    let longest = "n".repeat(NAME_BYTES_MAX);
    let too_long = "n".repeat(NAME_BYTES_MAX + 1);
    for name in ["", "A", "a b", "é", "a\0", &too_long] {
        assert!(matches!(level.sub(name), Err(Error::Name { .. })), "{name:?} is refused");
        assert!(matches!(level.remove(name), Err(Error::Name { .. })), "{name:?} is refused by remove");
    }
    let mut names = vec!["0", "..", "a", "a-b_c.d", "a/b", "kv/log", "-", &longest];
    for name in &names {
        let sub = level.sub(name).unwrap();
        assert_eq!(level.sub(name).unwrap(), sub, "opening {name:?} again gives the same handle");
    }
    names.sort_unstable();
    assert_eq!(level.subs().unwrap(), names, "names are listed in order");
}

fn values_may_be_empty_or_large(level: &impl Level) {
    let sub = level.sub("a").unwrap();
    // Not all the same byte: a store may compress.
    let large: Vec<u8> = (0..1u32 << 18).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    put(level, sub, &[(b"empty", b""), (b"large", &large)]);
    assert_eq!(level.get(sub, b"empty").unwrap().as_deref(), Some(&b""[..]), "an empty value is a value");
    assert!(level.get(sub, b"large").unwrap().is_some_and(|found| found == large), "a mebibyte comes back");
}

fn an_empty_batch_is_a_sync(level: &impl Level) {
    let sub = level.sub("a").unwrap();
    put_keys(level, sub, &[b"1"]);
    level.apply(Batch::new(), Durability::Buffered).unwrap();
    level.apply(Batch::new(), Durability::Synced).unwrap();
    level.sync().unwrap();
    assert_eq!(keys(level, sub, .., Order::Ascending), [b"1"], "a sync changes nothing");
}

fn parts_keep_to_their_prefix(level: Arc<dyn Level>) {
    let outside = level.sub("outside").unwrap();
    let chat = within(level.clone(), "chat");
    let inner = within(chat.clone(), "inner");
    let sub = inner.sub("log").unwrap();
    assert_eq!(level.sub("chat/inner/log").unwrap(), sub, "parts nest, and share their handles");
    put_keys(&inner, sub, &[b"1"]);
    put_keys(&inner, outside, &[b"2"]);
    assert_eq!(keys(&level, sub, .., Order::Ascending), [b"1"], "a part writes to its level");
    assert_eq!(chat.subs().unwrap(), ["inner/log"], "a part lists its own names, without the prefix");
    assert!(!chat.remove("outside").unwrap(), "a part does not remove what is outside");
    assert!(matches!(chat.sub(""), Err(Error::Name { .. })), "a prefix alone is no name");
    assert!(inner.remove("log").unwrap(), "a part removes its own");
    assert_eq!(level.subs().unwrap(), ["outside"]);
}

fn a_copy_holds_all_that_is_there(from: &impl Level, to: &impl Level) {
    let (a, b) = (from.sub("a").unwrap(), from.sub("b/c").unwrap());
    from.sub("empty").unwrap();
    for n in 0..2000u32 {
        let mut batch = Batch::new();
        batch.put(a, n.to_be_bytes().to_vec(), vec![n as u8; 700]);
        batch.put(b, n.to_le_bytes().to_vec(), "");
        from.apply(batch, Durability::Buffered).unwrap();
    }
    let copied = copy(from, to).unwrap();
    assert_eq!((copied.rows, copied.bytes), (4000, 2000 * (4 + 700 + 4)), "a copy says what it copied");
    assert_eq!(to.subs().unwrap(), ["a", "b/c", "empty"], "a copy has every sub-level");
    for name in ["a", "b/c", "empty"] {
        let (old, new) = (from.sub(name).unwrap(), to.sub(name).unwrap());
        assert!(all(from, old) == all(to, new), "a copy has every row");
    }
}

fn reopening_keeps_everything<L: Level>(level: L, reopen: &impl Fn(L) -> L) {
    let sub = level.sub("a").unwrap();
    level.sub("empty").unwrap();
    put(&level, sub, &[(b"k", b"one"), (b"l", b"two"), (b"m", b"three")]);
    let mut batch = Batch::new();
    batch.del(sub, "l");
    batch.put(sub, "k", "four");
    level.apply(batch, Durability::Buffered).unwrap();
    let mut level = level;
    for _ in 0..3 {
        let before = all(&level, level.sub("a").unwrap());
        level = reopen(level);
        assert_eq!(level.subs().unwrap(), ["a", "empty"], "reopening keeps every sub-level");
        let sub = level.sub("a").unwrap();
        assert_eq!(all(&level, sub), before, "reopening keeps every row");
        put_keys(&level, sub, &[b"n"]);
    }
}

fn sub_levels_come_and_go_across_reopening<L: Level>(mut level: L, reopen: &impl Fn(L) -> L) {
    // What is remembered of a removed sub-level must never be taken for something about a later one.
    for round in 0..6u8 {
        let fixed = level.sub("fixed").unwrap();
        put_keys(&level, fixed, &[&[round + 1]]);
        let sub = level.sub("comes-and-goes").unwrap();
        assert!(all(&level, sub).is_empty(), "a removed sub-level is empty when it is created again");
        if round % 2 == 0 {
            put_keys(&level, sub, &[&[round + 1]]);
        }
        level = reopen(level);
        let sub = level.sub("comes-and-goes").unwrap();
        assert_eq!(all(&level, sub).len(), usize::from(round % 2 == 0), "a sub-level is kept, round {round}");
        assert!(level.remove("comes-and-goes").unwrap(), "a sub-level is still there, round {round}");
        if round % 3 == 0 {
            level = reopen(level);
        }
        assert_eq!(level.subs().unwrap(), ["fixed"], "a removed sub-level stays removed, round {round}");
    }
    let fixed = level.sub("fixed").unwrap();
    assert_eq!(all(&level, fixed).len(), 6, "other sub-levels are not touched");
}
