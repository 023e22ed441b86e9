//! Values by encoding.

use bytes::Bytes;
use hyperlog::{Binary, Encoding, Error, Hyperlog, Json, Memory, Postcard, Read, Utf8};
use serde::{Deserialize, Serialize};

use crate::support::{check, export, identity, import, open};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: u32,
    y: Option<String>,
}

fn point() -> Point {
    Point { x: 7, y: Some("seven".into()) }
}

/// Adds, appends, gets and reads a value; a value of another type is an error in its place.
fn behaves<E: Encoding<Value: PartialEq + std::fmt::Debug + Clone>>(
    value: E::Value,
    wrong: Option<&'static [u8]>,
) {
    // HL-9, HL-10, HL-15, HL-16, HL-25, HL-27, HL-35
    let log = Hyperlog::<E>::open(Memory::new(), identity(1)).unwrap();
    let a = log.add(&[], value.clone()).unwrap();
    let b = log.append(value.clone()).unwrap();
    assert_eq!((a.value(), &b.links), (Some(&value), &vec![a.id]));
    assert_eq!(log.get(&a.id).unwrap(), a);
    let values: Vec<_> =
        log.changes(Read::all()).map(|node| node.unwrap().value.into_option().unwrap()).collect();
    assert!(values == [value.clone(), value.clone()], "{values:?}");
    let copy = Hyperlog::<E>::open(Memory::new(), identity(2)).unwrap();
    import(&copy, &export(&log));
    assert_eq!(copy.get(&b.id).unwrap(), b);
    let Some(wrong) = wrong else { return };
    let bad = log.with_encoding::<Binary>().append(wrong).unwrap();
    let after = log.append(value).unwrap();
    assert!(matches!(log.get(&bad.id), Err(Error::Value { id, .. }) if id == bad.id));
    let read: Vec<_> = log.changes(Read::all()).collect();
    assert_eq!(read.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true], "{wrong:?}");
    assert_eq!(read.last().unwrap().as_ref().unwrap(), &after, "reading goes on behind it");
    assert_eq!(log.heads().unwrap(), [after.id], "heads do not care what values are");
    check(&log);
}

#[test]
fn binary_takes_anything() {
    behaves::<Binary>(Bytes::from_static(b"\xff\0bytes"), None);
}

#[test]
fn utf8_takes_text() {
    behaves::<Utf8>("text \u{1f333}".into(), Some(b"\xff\xfe"));
}

#[test]
fn json_takes_what_serde_takes() {
    behaves::<Json<Point>>(point(), Some(b"{\"x\": \"no number\"}"));
    behaves::<Json<Point>>(point(), Some(b"{\"x\": 1, \"y\": null} and more"));
}

#[test]
fn postcard_takes_what_serde_takes_and_no_trailing_bytes() {
    behaves::<Postcard<Point>>(point(), Some(b"\x07\x02"));
    behaves::<Postcard<Point>>(point(), Some(b"\x07\0\0"));
}

#[test]
fn one_log_is_read_and_written_through_several_encodings() {
    // HL-9, HL-16, HL-25: the encoding of a call.
    let log = open(1);
    let json = log.with_encoding::<Json<Point>>();
    let node = json.append(point()).unwrap();
    assert_eq!(json.get(&node.id).unwrap().value(), Some(&point()));
    assert_eq!(log.get(&node.id).unwrap().value().unwrap(), r#"{"x":7,"y":"seven"}"#);
    assert_eq!(
        log.with_encoding::<Binary>().get(&node.id).unwrap().value().unwrap().as_ref(),
        br#"{"x":7,"y":"seven"}"#
    );
}

#[test]
fn a_value_that_does_not_encode_is_refused_before_anything_happens() {
    type Odd = std::collections::BTreeMap<(u8, u8), u8>; // JSON has no keys of this kind.
    let log = Hyperlog::<Json<Odd>>::open(Memory::new(), identity(1)).unwrap();
    let mut events = log.subscribe();
    assert!(matches!(log.append(Odd::from([((1, 2), 3)])), Err(Error::Encoding(_))));
    assert!(matches!(log.add(&[], Odd::from([((1, 2), 3)])), Err(Error::Encoding(_))));
    assert_eq!(log.last().0, 0);
    assert!(events.try_next().is_none(), "neither announced nor rejected");
}

#[test]
fn deeply_nested_json_is_an_error_and_no_stack_overflow() {
    let log = open(1);
    let deep = "[".repeat(500_000);
    let node = log.append(deep).unwrap();
    assert!(matches!(log.with_encoding::<Json<serde_json::Value>>().get(&node.id), Err(Error::Value { .. })));
}
