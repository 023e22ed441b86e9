//! What strangers write: all replicas make the same of it, mostly nothing.

use hyperkv::{HyperKv, Json, Memory, Read, Select, Utf8, What};
use hyperlog::{Binary, NodeId};

use crate::draw::{FORKED, draw};
use crate::model::check;
use crate::support::{Map, get, identity, ids, list, open, rows, sync};

/// Adds bytes that link everything there is.
fn add(kv: &Map, bytes: &[u8]) -> NodeId {
    kv.log().add(&ids(kv), bytes.to_vec()).unwrap().id
}

#[test]
fn what_is_no_operation_changes_nothing_on_any_replica() {
    // HK-24
    let kv = open(1);
    draw(&kv, FORKED);
    let before = (list(&kv, Select::all()), rows(&kv));
    let whole = b"\xfa\0\x01X\0\0\0\x02whyvalue";
    let long_key = [&b"\xf8\x04\x01"[..], &[b'X'; 1025]].concat();
    let mut bytes: Vec<&[u8]> = vec![
        b"{\"k\":{}}",
        b"{\"k\":\"X\",\"v\":1}",
        b"X",
        b"\xf7\0\x01X",
        b"\xfc\0\x01X",
        b"\xf8\0\0",
        b"\xf8\0\0value",
        b"\xf9\0\0",
        b"\xf8\0\x02X",
        b"\xf8\xff\xffX",
        b"\xf9\0\x01Xmore",
        b"\xfa\0\x01X",
        b"\xfa\0\x01X\0\0\0\0value",
        b"\xfa\0\x01X\xff\xff\xff\xff",
        b"\xfb\0\x01X\0\0\0\x01fmore",
        &long_key,
    ];
    bytes.extend((0..9).map(|end| &whole[..end]));
    for bytes in bytes {
        add(&kv, bytes);
    }
    assert_eq!((list(&kv, Select::all()), rows(&kv)), before);
    let copy = open(2);
    sync(&kv, &copy);
    assert_eq!((list(&copy, Select::all()), rows(&copy)), before);
    assert_eq!(kv.index().skipped().unwrap().count(), 0, "it is no fault, either");
    assert_eq!(copy.writes(Read::all()).count(), 9);
    check(&kv);
    check(&copy);
    // The control: the whole one is an operation.
    add(&kv, whole);
    assert_eq!(get(&kv, "X"), "yvalue");
    assert_eq!(kv.get("X").unwrap().iter().next().unwrap().fields.as_ref(), b"wh");
    check(&kv);
}

#[test]
fn a_stranger_can_write_the_shortest_and_the_longest_key() {
    let kv = open(1);
    let longest = [&b"\xf8\x04\0"[..], &[b'X'; 1024], b"v"].concat();
    add(&kv, &longest);
    add(&kv, b"\xf8\0\x01\xffv");
    assert_eq!((get(&kv, &"X".repeat(1024)), kv.list(Select::all()).unwrap().count()), ("v".into(), 2));
    check(&kv);
}

#[test]
fn a_value_of_another_type_stands_beside_the_others() {
    // HK-24
    let [ana, ben] = [open(1), open(2)];
    let json = HyperKv::<Json<u32>>::open(Memory::new(), identity(3)).unwrap();
    json.put("n", 7_u32).unwrap();
    ana.put("n", "no number").unwrap();
    ben.with_encoding::<Binary>().put("n", b"\xff\xfe".as_slice()).unwrap();
    sync(&ana, &ben);
    sync(&ana, &json);
    sync(&ana, &ben);
    assert_eq!((get(&ana, "n"), get(&ben, "n")), ("7 ? no number".into(), "7 ? no number".into()));
    let values = json.get("n").unwrap();
    let readable: Vec<_> = values.values().collect();
    assert_eq!((values.len(), readable, values.one()), (3, vec![&7], None));
    let reasons = values.iter().filter_map(|value| match &value.what {
        What::Unreadable(why) => Some(why.clone()),
        _ => None,
    });
    assert!(reasons.inspect(|why| assert!(!why.is_empty())).count() == 2);
    assert_eq!(values.pick_by(Ord::cmp).unwrap().what, What::Put(7));
    // Whoever writes again has seen them all, read or not.
    json.put("n", 8_u32).unwrap();
    sync(&ana, &json);
    assert_eq!(get(&ana, "n"), "8");
    let shown: Vec<_> = json.history("n").unwrap().map(|written| written.unwrap().what).collect();
    assert_eq!(shown.iter().filter(|what| matches!(what, What::Unreadable(_))).count(), 2);
    check(&ana);
    check(&json);
    check(&ben);
}

#[test]
fn deeply_nested_json_is_unreadable_and_no_stack_overflow() {
    let kv = open(1);
    kv.put("deep", "[".repeat(500_000)).unwrap();
    let json = kv.with_encoding::<Json<serde_json::Value>>();
    assert!(matches!(json.get("deep").unwrap().iter().next().unwrap().what, What::Unreadable(_)));
    assert_eq!(json.with_encoding::<Utf8>().get("deep").unwrap().one().unwrap().len(), 500_000);
}
