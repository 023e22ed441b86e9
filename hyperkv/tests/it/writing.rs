//! Putting, getting, and what a write says of itself.

use bytes::Bytes;
use hyperkv::{Error, HyperKv, Json, KEY_BYTES_MAX, Memory, Read, Select, Utf8, What, Write};
use hyperlog::{NodeId, Seq, VALUE_BYTES_MAX};

use crate::draw::{FORKED, draw};
use crate::model::check;
use crate::support::{get, identity, list, open, sync};

#[test]
fn what_was_put_is_got() {
    // HK-1, HD-1, HD-4
    let kv = open(1);
    let id = kv.put("A", "555").unwrap();
    let values = kv.get("A").unwrap();
    assert_eq!((values.len(), values.is_conflict(), values.is_whole()), (1, false, true));
    assert_eq!(values.one().map(String::as_str), Some("555"));
    let value = values.into_iter().next().unwrap();
    assert_eq!((value.id, value.fields.as_ref(), value.what), (id, &b""[..], What::Put("555".into())));
    assert_eq!(kv.log().get(&id).unwrap().seq, Seq(1));
    kv.put("A", "556").unwrap();
    assert_eq!(get(&kv, "A"), "556");
    check(&kv);
}

#[test]
fn a_key_that_was_never_written_is_empty_and_no_error() {
    // HK-2, HD-2
    let kv = open(1);
    kv.put("a", "1").unwrap();
    let long = vec![b'a'; 100_000];
    for key in [&b"A"[..], b"", b"aa", &long] {
        let values = kv.get(key).unwrap();
        assert!(values.is_empty() && values.is_whole() && !values.is_deleted() && values.one().is_none());
        assert_eq!(kv.page(key, None, 10).unwrap().len(), 0);
        assert_eq!(kv.history(key).unwrap().count(), 0);
        assert!(kv.at(hyperkv::Change(1)).unwrap().get(key).unwrap().is_empty());
    }
}

#[test]
fn a_key_holds_the_writes_that_no_other_of_it_links() {
    // HK-3
    let kv = open(1);
    let drawn = draw(&kv, FORKED);
    let of = |key: &str| drawn.of(&kv.get(key).unwrap());
    assert_eq!((of("X"), of("Y"), of("Z")), ("D E".into(), "F".into(), "I".into()));
    assert_eq!((get(&kv, "X"), get(&kv, "Z")), ("222 400".into(), "3000".into()));
    check(&kv);
}

#[test]
fn a_write_says_what_the_application_says_of_it() {
    // HK-9, HK-10, HK-15
    let kv = open(1);
    let before = kv.put("A", "1").unwrap();
    let put = kv.write(Write::put("B", "555").fields("why")).unwrap();
    let del = kv.write(Write::del("A").links([before]).fields(b"\xff\0".as_slice())).unwrap();
    let of = |key: &str| kv.get(key).unwrap().into_iter().next().unwrap();
    assert_eq!(
        (of("B").id, of("B").fields.as_ref(), of("B").what),
        (put, &b"why"[..], What::Put("555".into()))
    );
    assert_eq!((of("A").id, of("A").fields.as_ref(), of("A").what), (del, &b"\xff\0"[..], What::Deleted));
    let listed: Vec<Bytes> = kv
        .list(Select::all())
        .unwrap()
        .flat_map(|entry| entry.unwrap().values.into_iter().map(|value| value.fields))
        .collect();
    assert_eq!(listed, [&b"\xff\0"[..], b"why"]);
    let written: Vec<Bytes> = kv.writes(Read::all()).map(|written| written.unwrap().fields).collect();
    assert_eq!(written, [&b""[..], b"why", b"\xff\0"]);
    check(&kv);
}

#[test]
fn a_link_that_leads_nowhere_is_an_error_and_nothing_is_stored() {
    // HK-16
    let kv = open(1);
    let there = kv.put("a", "1").unwrap();
    let nowhere = NodeId::from_bytes([7; 32]);
    let error = kv.write(Write::put("a", "2").links([there, nowhere])).unwrap_err();
    assert!(matches!(&error, Error::Log(hyperlog::Error::UnknownLink { .. })), "{error:?}");
    kv.batch([Write::put("b", "1"), Write::put("a", "2").links([nowhere])]).unwrap_err();
    assert_eq!((kv.log().last().0, list(&kv, Select::all())), (1, "a=1".into()));
    check(&kv);
}

#[test]
fn links_to_other_keys_and_to_what_is_no_write_supersede_nothing() {
    let kv = open(1);
    let a = kv.put("a", "1").unwrap();
    let note = kv.log().append("a note").unwrap().id;
    let b = kv.write(Write::put("b", "2").links([a, note])).unwrap();
    kv.write(Write::put("a", "3").links([b])).unwrap();
    assert_eq!((get(&kv, "a"), get(&kv, "b")), ("1 3".into(), "2".into()));
    check(&kv);
}

#[test]
fn keys_have_one_byte_to_1024_of_any_kind() {
    // HD-11: keys are bytes, and do not collide.
    let kv = open(1);
    let (longest, longer) = (vec![0xff; KEY_BYTES_MAX], vec![0xff; KEY_BYTES_MAX + 1]);
    for key in [&longest[..], b"\0", b"\0\0", b"/a/", b"a/", b"\xff"] {
        kv.put(key, String::from_utf8_lossy(&key[..1]).into_owned()).unwrap();
    }
    for key in [&longer[..], b""] {
        for error in [
            kv.put(key, "x").unwrap_err(),
            kv.del(key).unwrap_err(),
            kv.batch([Write::put("fine", "x"), Write::del(key)]).unwrap_err(),
        ] {
            assert!(matches!(&error, Error::Key { len } if *len == key.len()), "{error:?}");
        }
    }
    assert_eq!(kv.log().last().0, 6);
    let keys: Vec<_> = kv.list(Select::all()).unwrap().map(|entry| entry.unwrap().key).collect();
    assert_eq!(keys, [&b"\0"[..], b"\0\0", b"/a/", b"a/", b"\xff", &longest]);
    assert_eq!(kv.list(Select::all().prefix(b"\xff")).unwrap().count(), 2);
    check(&kv);
}

#[test]
fn values_that_look_like_nothing_are_values() {
    // HD-7
    type Json1 = Json<serde_json::Value>;
    let kv = HyperKv::<Json1>::open(Memory::new(), identity(1)).unwrap();
    for (key, value) in [("a", "0"), ("b", "false"), ("c", "null"), ("d", "\"\"")] {
        kv.put(key, value.parse::<serde_json::Value>().unwrap()).unwrap();
        assert_eq!(kv.get(key).unwrap().one().unwrap().to_string(), value);
    }
    let text = kv.with_encoding::<Utf8>();
    text.put("e", "").unwrap();
    assert_eq!((get(&text, "e"), get(&text, "c")), (String::new(), "null".into()));
    assert!(!text.get("e").unwrap().is_deleted());
    check(&kv);
}

#[test]
fn a_value_that_does_not_fit_or_encode_is_refused_before_anything_is_stored() {
    type Odd = std::collections::BTreeMap<(u8, u8), u8>; // JSON has no keys of this kind.
    let kv = open(1);
    let odd = kv.with_encoding::<Json<Odd>>();
    assert!(matches!(odd.put("a", Odd::from([((1, 2), 3)])), Err(Error::Encoding(_))));
    let most = VALUE_BYTES_MAX - 3 - "key".len();
    kv.put("key", "x".repeat(most + 1)).unwrap_err();
    assert_eq!(kv.log().last().0, 0);
    kv.put("key", "x".repeat(most)).unwrap();
    assert_eq!(kv.get("key").unwrap().one().unwrap().len(), most);
    check(&kv);
}

#[test]
fn the_same_put_twice_from_scratch_is_two_values() {
    // HK-23
    let kv = open(1);
    let one = kv.write(Write::put("a", "1").links([])).unwrap();
    let other = kv.write(Write::put("a", "1").links([])).unwrap();
    assert_ne!(one, other);
    assert_eq!(get(&kv, "a"), "1 1");
    kv.put("a", "2").unwrap();
    kv.write(Write::put("a", "1").links([])).unwrap();
    assert_eq!(get(&kv, "a"), "1 2", "a value that was overwritten can be put again");
    check(&kv);
}

#[test]
fn a_map_is_found_again_where_it_was_left() {
    let level = Memory::new();
    let kv = crate::support::open_on(&level, 1);
    draw(&kv, FORKED);
    let before = list(&kv, Select::all());
    drop(kv);
    let kv = crate::support::open_on(&level, 1);
    assert_eq!(list(&kv, Select::all()), before);
    let mut told = 0;
    kv.reindex(|_| told += 1).unwrap();
    assert!(told > 0 && list(&kv, Select::all()) == before);
    let copy = open(2);
    sync(&kv, &copy);
    assert_eq!(list(&copy, Select::all()), before);
    check(&copy);
}

#[test]
fn a_map_in_a_folder_is_there_after_closing_it() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..2 {
        let opened = hyperlog::disk::Folder::open(folder.path()).unwrap();
        let kv = HyperKv::<Utf8>::open_in(&opened).unwrap();
        kv.put(n.to_string(), "x").unwrap();
        assert_eq!(kv.list(Select::all()).unwrap().count(), n + 1);
    }
}

#[test]
fn what_is_shown_for_debugging_gives_no_keys_and_values_away() {
    let kv = open(1);
    kv.put("secret-key", "secret-value").unwrap();
    kv.write(Write::put("secret-key", "secret-value").links([]).fields("secret-fields")).unwrap();
    let entry = kv.list(Select::all()).unwrap().next().unwrap().unwrap();
    let written = kv.writes(Read::all()).next().unwrap().unwrap();
    let write: Write<String> = Write::put("secret-key", "secret-value").fields("secret-fields");
    let difference = kv.diff(hyperkv::Change(0), hyperkv::Change(2), Select::all()).unwrap().next();
    for text in [
        format!("{kv:?} {entry:?} {written:?} {write:?}"),
        format!("{:?} {:?}", kv.get("secret-key").unwrap(), difference.unwrap().unwrap()),
    ] {
        assert!(!text.contains("secret"), "{text}");
    }
}
