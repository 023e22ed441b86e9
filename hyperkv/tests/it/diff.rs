//! What changed between two moments.

use hyperkv::{Change, Moment, Select, Write};

use crate::draw::{FORKED, draw};
use crate::model::check;
use crate::support::{Map, open, shown, sync};

/// `key:from>to`, in order.
fn diff(kv: &Map, from: impl Into<Moment>, to: impl Into<Moment>, select: Select) -> String {
    let word = |difference: hyperkv::Difference<String>| {
        let key = String::from_utf8_lossy(&difference.key).into_owned();
        let (from, to) = (shown(&difference.from), shown(&difference.to));
        format!("{key}:{}>{}", from.replace(' ', "|"), to.replace(' ', "|"))
    };
    let differences = kv.diff(from, to, select).unwrap();
    differences.map(|difference| word(difference.unwrap())).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_was_put_changed_and_deleted_differs_and_nothing_else() {
    // HD-39
    let kv = open(1);
    for key in ["a", "b", "c/1", "c/2"] {
        kv.put(key, "1").unwrap();
    }
    let from = kv.version();
    kv.put("a", "2").unwrap();
    kv.del("c/1").unwrap();
    kv.put("c/3", "2").unwrap();
    kv.put("c/3", "3").unwrap();
    let to = kv.version();
    assert_eq!(diff(&kv, &from, &to, Select::all()), "a:1>2 c/1:1>- c/3:>3");
    assert_eq!(diff(&kv, &to, &from, Select::all()), "a:2>1 c/1:->1 c/3:3>");
    assert_eq!(diff(&kv, &from, &to, Select::all().reverse(true)), "c/3:>3 c/1:1>- a:1>2");
    assert_eq!(diff(&kv, &from, &to, Select::all().prefix("c/")), "c/1:1>- c/3:>3");
    assert_eq!(diff(&kv, &from, &to, Select::all().limit(1)), "a:1>2");
    assert_eq!(diff(&kv, &from, &to, Select::all().reverse(true).limit(2)), "c/3:>3 c/1:1>-");
    assert_eq!(diff(&kv, &from, &to, Select::all().limit(0)), "");
    assert_eq!(diff(&kv, &from, &from, Select::all()), "");
    assert_eq!(diff(&kv, Change(0), Change(4), Select::all()), "a:>1 b:>1 c/1:>1 c/2:>1");
    assert_eq!(diff(&kv, Change(4), &from, Select::all()), "", "the same moment by two names");
    assert_eq!(diff(&kv, Change(7), &from, Select::all()), "a:2>1 c/1:->1 c/3:2>");
    assert_eq!(diff(&kv, &to, Change(u64::MAX), Select::all()), "");
}

#[test]
fn the_same_value_written_again_is_another_write_and_differs() {
    let kv = open(1);
    kv.put("a", "1").unwrap();
    kv.put("a", "1").unwrap();
    assert_eq!(diff(&kv, Change(1), Change(2), Select::all()), "a:1>1");
}

#[test]
fn what_was_written_without_effect_does_not_differ() {
    let kv = open(1);
    let drawn = draw(&kv, "A:k=1; B:k=2<-A");
    // Nobody writes what is superseded at once, but in one step of a reader it can be.
    kv.batch([Write::put("l", "1"), Write::del("l")]).unwrap();
    assert_eq!(diff(&kv, Change(2), Change(4), Select::all()), "l:>-");
    kv.log().add(&[drawn["B"]], "no write").unwrap();
    assert_eq!(diff(&kv, Change(4), Change(5), Select::all()), "");
}

#[test]
fn conflicts_are_shown_on_both_sides() {
    // HD-39
    let (ana, ben) = (open(1), open(2));
    ana.put("k", "0").unwrap();
    sync(&ana, &ben);
    let first = ana.version();
    ana.put("k", "1").unwrap();
    let lone = ana.version();
    ben.put("k", "2").unwrap();
    sync(&ana, &ben);
    let both = ana.version();
    ben.put("k", "3").unwrap();
    sync(&ana, &ben);
    for kv in [&ana, &ben] {
        let last = kv.version();
        assert_eq!(diff(kv, &first, &both, Select::all()), "k:0>1|2");
        assert_eq!(diff(kv, &lone, &both, Select::all()), "k:1>1|2");
        assert_eq!(diff(kv, &both, &last, Select::all()), "k:1|2>3");
        assert_eq!(diff(kv, &last, &both, Select::all()), "k:3>1|2");
        check(kv);
    }
    let drawn = open(3);
    draw(&drawn, FORKED);
    assert_eq!(diff(&drawn, Change(2), Change(9), Select::all()), "X:333>222|400 Y:>999 Z:>3000");
}

#[test]
fn versions_of_which_neither_came_first_differ_both_ways() {
    let (ana, ben) = (open(1), open(2));
    ana.put("a", "1").unwrap();
    ben.put("b", "1").unwrap();
    let (left, right) = (ana.version(), ben.version());
    sync(&ana, &ben);
    for kv in [&ana, &ben] {
        assert_eq!(diff(kv, &left, &right, Select::all()), "a:1> b:>1");
    }
}

#[test]
fn one_change_among_a_thousand_is_one_entry_and_reads_no_thousand_nodes() {
    // HD-39
    let level = level::testing::Failing::new(hyperkv::Memory::new());
    let kv = crate::support::open_on(&level, 1);
    kv.batch((0..1000).map(|n| Write::put(format!("{n:04}"), "1")).collect::<Vec<_>>()).unwrap();
    let from = kv.version();
    kv.put("0500", "2").unwrap();
    kv.get("0500").unwrap();
    let reads = || level.count(level::testing::Operation::Read);
    let before = reads();
    assert_eq!(diff(&kv, &from, kv.version(), Select::all()), "0500:1>2");
    assert_eq!(diff(&kv, Change(1000), Change(1001), Select::all()), "0500:1>2");
    assert!(reads() - before < 100, "{} reads", reads() - before);
    assert_eq!(kv.diff(Change(0), kv.version(), Select::all()).unwrap().count(), 1000);
}

#[test]
fn a_change_among_more_values_than_are_read_is_a_difference() {
    let kv = open(1);
    kv.batch((0..300).map(|_| Write::put("k", "x").links([])).collect::<Vec<_>>()).unwrap();
    for _ in 0..15 {
        let (from, last) = (kv.version(), kv.page("k", None, 300).unwrap().pop().unwrap().id);
        kv.write(Write::put("k", "y").links([last])).unwrap();
        let difference = kv.diff(from, kv.version(), Select::all()).unwrap().next().unwrap().unwrap();
        assert_eq!((difference.from.len(), difference.to.len()), (300, 300));
    }
}
