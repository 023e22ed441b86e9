//! Deleting: a write like any other, which says that there is nothing.

use hyperkv::{Read, Select, What};

use crate::draw::{FORKED, draw};
use crate::model::check;
use crate::support::{conflicts, get, list, open, sync, sync_all, three};

#[test]
fn a_deleted_key_says_so_until_it_is_put_again() {
    // HK-4, HD-21
    let kv = open(1);
    kv.put("A", "1").unwrap();
    let id = kv.del("A").unwrap();
    let values = kv.get("A").unwrap();
    assert!(values.ids().eq([id]) && values.is_deleted() && values.one().is_none() && !values.is_empty());
    assert_eq!((get(&kv, "A"), list(&kv, Select::all().without_deleted())), ("-".into(), String::new()));
    kv.put("A", "2").unwrap();
    assert_eq!(get(&kv, "A"), "2");
    // What was never there can be deleted, too.
    kv.del("B").unwrap();
    assert_eq!(list(&kv, Select::all()), "A=2 B=-");
    check(&kv);
}

#[test]
fn one_of_many_keys_is_deleted_and_the_others_are_not() {
    // HD-22
    let kv = open(1);
    for n in 10..60 {
        kv.put(n.to_string(), "x").unwrap();
    }
    kv.del("42").unwrap();
    let keys: Vec<_> =
        kv.list(Select::all().without_deleted()).unwrap().map(|entry| entry.unwrap().key).collect();
    assert_eq!(keys.len(), 49);
    assert!(!keys.iter().any(|key| *key == "42"));
    assert_eq!(kv.list(Select::all()).unwrap().count(), 50);
    assert_eq!(kv.list(Select::all().gt("40").limit(2).without_deleted()).unwrap().count(), 2);
    assert_eq!(
        list(&kv, Select::all().gt("40").limit(2).without_deleted()),
        "41=x 43=x",
        "the limit counts what is given"
    );
    check(&kv);
}

#[test]
fn history_says_what_was_deleted() {
    // HD-23, HK-22
    let kv = open(1);
    kv.put("hello", "world").unwrap();
    kv.del("hello").unwrap();
    let written: Vec<_> = kv.writes(Read::all()).map(Result::unwrap).collect();
    assert_eq!(written[0].what, What::Put("world".into()));
    assert_eq!((written[1].key.as_ref(), &written[1].what), (&b"hello"[..], &What::Deleted));
    assert!(kv.history("hello").unwrap().next().unwrap().unwrap().what.is_deleted());
}

#[test]
fn deletes_of_three_writers_are_seen_at_all_three() {
    // HD-24
    let maps = three();
    let [ana, ben, cyd] = &maps;
    for key in ["a", "c", "some"] {
        ana.put(key, "a").unwrap();
    }
    sync_all(&maps);
    ben.put("a", "ab").unwrap();
    cyd.del("a").unwrap();
    cyd.del("c").unwrap();
    ben.del("some").unwrap();
    cyd.del("some").unwrap();
    sync_all(&maps);
    for kv in &maps {
        assert_eq!(list(kv, Select::all()), "a=-|ab c=- some=-|-");
        assert_eq!(list(kv, Select::all().without_deleted()), "a=-|ab");
        assert_eq!(conflicts(kv, Select::all()), "a some");
        assert_eq!(conflicts(kv, Select::all().without_deleted()), "a");
        assert_eq!(conflicts(kv, Select::all().without_deleted().limit(1).reverse(true)), "a");
        check(kv);
    }
}

#[test]
fn a_delete_replaces_all_that_its_writer_saw() {
    // HK-4, HK-7
    let kv = open(1);
    draw(&kv, FORKED);
    kv.del("X").unwrap();
    assert_eq!(list(&kv, Select::all()), "X=- Y=999 Z=3000");
    assert_eq!(list(&kv, Select::all().gt("X")), "Y=999 Z=3000");
    check(&kv);
}

#[test]
fn a_delete_of_what_others_wrote_meanwhile_leaves_that() {
    // HK-19
    let (ana, ben) = (open(1), open(2));
    ana.put("k", "1").unwrap();
    sync(&ana, &ben);
    ben.put("k", "2").unwrap();
    ana.del("k").unwrap();
    sync(&ana, &ben);
    assert_eq!(get(&ana, "k"), "- 2");
    ana.del("k").unwrap();
    sync(&ana, &ben);
    assert_eq!(get(&ben, "k"), "-");
    check(&ben);
}
