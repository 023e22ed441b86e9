//! Keys in order.

use hyperkv::{Select, Write};
use hyperlog::Binary;

use crate::draw::{FORKED, draw};
use crate::model::{Asked, Model, check};
use crate::support::{conflicts, list, open, sync};

#[test]
fn every_key_comes_once_in_the_order_of_its_bytes() {
    // HD-29, HD-33, HK-8
    let kv = open(1);
    assert_eq!(list(&kv, Select::all()), "", "HD-34: an empty map ends at once");
    for key in ["b", "a/b", "a", "a/b/c", "ab", "a/a"] {
        kv.put(key, "0").unwrap();
        kv.put(key, "1").unwrap();
    }
    assert_eq!(list(&kv, Select::all()), "a=1 a/a=1 a/b=1 a/b/c=1 ab=1 b=1");
    assert_eq!(list(&kv, Select::all().reverse(true)), "b=1 ab=1 a/b/c=1 a/b=1 a/a=1 a=1");
    assert_eq!(list(&kv, Select::all().prefix("a/")), "a/a=1 a/b=1 a/b/c=1");
    assert_eq!(list(&kv, Select::all().prefix("a/b")), "a/b=1 a/b/c=1", "the prefix itself is among them");
    // HD-32, HD-34
    assert_eq!(list(&kv, Select::all().prefix("a/b").gt("a/b")), "a/b/c=1");
    assert_eq!(list(&kv, Select::all().prefix("")), list(&kv, Select::all()));
    check(&kv);
}

#[test]
fn ranges_limits_and_directions_hold_together() {
    // HK-7, HK-8, HK-15
    let kv = open(1);
    let drawn = draw(&kv, FORKED);
    assert_eq!(list(&kv, Select::all()), "X=222|400 Y=999 Z=3000");
    let first = kv.list(Select::all()).unwrap().next().unwrap().unwrap();
    assert_eq!(drawn.of(&first.values), "D E");
    assert_eq!(list(&kv, Select::all().gt("X")), "Y=999 Z=3000");
    assert_eq!(list(&kv, Select::all().gte("X").lt("Z")), "X=222|400 Y=999");
    assert_eq!(list(&kv, Select::all().range("Y".."Z")), "Y=999");
    assert_eq!(list(&kv, Select::all().lte("Y").reverse(true)), "Y=999 X=222|400");
    assert_eq!(list(&kv, Select::all().limit(2).reverse(true)), "Z=3000 Y=999");
    assert_eq!(list(&kv, Select::all().limit(0)), "");
    for (gt, lt) in [("Z", "X"), ("Y", "Y"), ("X", "X"), ("", "")] {
        for reverse in [false, true] {
            let none = || Select::all().gt(gt).lt(lt).reverse(reverse);
            assert_eq!((list(&kv, none()), conflicts(&kv, none())), (String::new(), String::new()));
            assert_eq!(kv.at(kv.version()).unwrap().list(none()).unwrap().count(), 0);
            let (from, to) = (hyperkv::Change(0), kv.log().last());
            assert_eq!(kv.diff(from, to, none()).unwrap().count(), 0);
        }
    }
}

#[test]
fn a_prefix_among_a_thousand_keys_finds_its_own() {
    // HD-29
    let kv = open(1);
    kv.batch((0..1000).map(|n| Write::put(format!("{n:03}"), n.to_string())).collect::<Vec<_>>()).unwrap();
    for prefix in ["", "0", "42", "777", "x"] {
        for limit in [3, u64::MAX] {
            for reverse in [false, true] {
                let asked = Asked { prefix, limit, reverse, ..Asked::default() };
                Model::of(&kv).check_list(&kv.with_encoding::<Binary>(), &asked).unwrap();
            }
        }
    }
    assert_eq!(kv.list(Select::all().prefix("42")).unwrap().count(), 10);
}

#[test]
fn conflicts_are_found_by_range_too() {
    // HD-31
    let (ana, ben) = (open(1), open(2));
    for key in ["a", "b/1", "b/2", "c"] {
        ana.put(key, "1").unwrap();
        ben.put(key, "2").unwrap();
    }
    ana.put("b/3", "1").unwrap();
    sync(&ana, &ben);
    assert_eq!(conflicts(&ben, Select::all()), "a b/1 b/2 c");
    assert_eq!(conflicts(&ben, Select::all().prefix("b/").reverse(true)), "b/2 b/1");
    assert_eq!(conflicts(&ben, Select::all().gt("a").limit(2)), "b/1 b/2");
    assert_eq!(conflicts(&ben, Select::all().limit(0)), "");
    check(&ben);
}

#[test]
fn a_listing_is_of_the_moment_when_it_began() {
    let kv = open(1);
    for n in 100..300 {
        kv.put(n.to_string(), "old").unwrap();
    }
    let mut listing = kv.list(Select::all()).unwrap();
    let first = listing.next().unwrap().unwrap();
    assert_eq!(first.key, "100");
    kv.put("299", "new").unwrap();
    kv.put("300", "new").unwrap();
    let rest: Vec<_> = listing.map(|entry| entry.unwrap().values.one().unwrap().clone()).collect();
    assert_eq!(rest, vec!["old"; 199]);
}
