//! Several writes as one.

use hyperkv::{Read, Select, VALUES_MAX, Write};

use crate::model::check;
use crate::support::{get, list, open, sync};

type Writes = Vec<Write<String>>;

#[test]
fn a_batch_returns_its_nodes_in_order() {
    // HK-11, HD-25, HD-27
    let kv = open(1);
    let ids = kv.batch([Write::put("A", "123"), Write::put("B", "456")]).unwrap();
    assert_eq!(list(&kv, Select::all()), "A=123 B=456");
    assert!(kv.get("A").unwrap().ids().eq([ids[0]]) && kv.get("B").unwrap().ids().eq([ids[1]]));
    assert_eq!(kv.batch(Writes::new()).unwrap(), []);
    assert_eq!(kv.batch([Write::put("C", "1"), Write::put("D", "2"), Write::del("A")]).unwrap().len(), 3);
    assert_eq!(list(&kv, Select::all()), "A=- B=456 C=1 D=2");
    check(&kv);
}

#[test]
fn later_writes_of_a_batch_supersede_earlier_ones_of_their_key() {
    // HK-20, HD-25, HD-26
    let kv = open(1);
    kv.put("A", "before").unwrap();
    kv.batch([Write::put("A", "1"), Write::put("B", "x"), Write::del("A"), Write::put("A", "2")]).unwrap();
    assert_eq!(list(&kv, Select::all()), "A=2 B=x");
    kv.batch([Write::put("B", "9"), Write::del("B")]).unwrap();
    assert_eq!(get(&kv, "B"), "-");
    assert_eq!(kv.history("A").unwrap().count(), 4, "all of them were written");
    check(&kv);
}

#[test]
fn a_write_with_links_supersedes_those_and_no_others_in_a_batch_too() {
    let kv = open(1);
    let old = kv.put("A", "old").unwrap();
    kv.batch([Write::put("A", "1").links([]), Write::put("A", "2").links([])]).unwrap();
    assert_eq!(get(&kv, "A"), "1 2 old");
    kv.batch([Write::put("A", "3").links([old]), Write::put("A", "4").links([old])]).unwrap();
    assert_eq!(get(&kv, "A"), "1 2 3 4");
    // The first has not seen what there is; the second has, and the first as well.
    kv.batch([Write::put("A", "5").links([]), Write::put("A", "6")]).unwrap();
    assert_eq!(get(&kv, "A"), "6");
    kv.batch([Write::put("A", "7"), Write::put("A", "8").links([]), Write::put("A", "9")]).unwrap();
    assert_eq!(get(&kv, "A"), "9");
    kv.batch([Write::put("A", "10"), Write::put("A", "11").links([])]).unwrap();
    assert_eq!(get(&kv, "A"), "10 11");
    check(&kv);
}

#[test]
fn a_write_of_a_batch_can_link_as_much_as_any() {
    let kv = open(1);
    let ids = kv.batch((0..VALUES_MAX).map(|_| Write::put("A", "x").links([])).collect::<Writes>()).unwrap();
    assert_eq!(kv.get("A").unwrap().len(), 256);
    kv.batch([Write::put("A", "1").links([]), Write::put("A", "2").links(ids)]).unwrap();
    assert_eq!(get(&kv, "A"), "1 2");
    // More in one batch than one write can link.
    let many =
        (0..300).map(|_| Write::put("B", "x").links([])).chain([Write::put("B", "y"), Write::put("B", "z")]);
    kv.batch(many.collect::<Writes>()).unwrap();
    assert_eq!(get(&kv, "B"), "z");
    // And more than it can link together with what was there.
    let many = || (0..200).map(|_| Write::put("C", "x").links([]));
    kv.batch(many().collect::<Writes>()).unwrap();
    kv.batch(many().chain([Write::put("C", "y")]).collect::<Writes>()).unwrap();
    assert_eq!(kv.get("C").unwrap().len(), 400 - 256 + 1);
    kv.put("C", "z").unwrap();
    assert_eq!(get(&kv, "C"), "z");
    check(&kv);
}

#[test]
fn what_does_not_fit_into_one_write_of_a_batch_is_left_to_the_next() {
    let kv = open(1);
    kv.put("C", "old").unwrap();
    let beside = (0..256).map(|n| Write::put("C", n.to_string()).links([]));
    kv.batch(beside.chain([Write::put("C", "y"), Write::put("C", "z")]).collect::<Writes>()).unwrap();
    assert_eq!(get(&kv, "C"), "z", "neither the old value nor any of the batch is left");
    check(&kv);
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    let kv = open(1);
    kv.batch([Write::put("A", "1"), Write::put("", "2")]).unwrap_err();
    kv.batch([Write::put("A", "1"), Write::put("B", "x".repeat(2 << 20))]).unwrap_err();
    assert_eq!((kv.log().last().0, list(&kv, Select::all())), (0, String::new()));
}

#[test]
fn a_thousand_rows_at_once_arrive() {
    // HD-28
    let (kv, copy) = (open(1), open(2));
    kv.batch((0..1000).map(|n| Write::put(format!("{n:04}"), n.to_string())).collect::<Writes>()).unwrap();
    sync(&kv, &copy);
    assert_eq!(copy.list(Select::all()).unwrap().count(), 1000);
    assert_eq!(get(&copy, "0777"), "777");
    assert_eq!(copy.writes(Read::all()).count(), 1000);
}
