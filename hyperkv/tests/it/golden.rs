//! The bytes of the map, by `docs/format.md`, "map": other programs read them.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyperkv::{NodeId, Write};

use crate::support::{Rows, nodes, open, rows};

fn row(parts: &[&[u8]]) -> Bytes {
    parts.concat().into()
}

/// The register of a few values, each with the operation without its key.
fn few(values: &[(NodeId, &[u8])]) -> Bytes {
    let mut values = values.to_vec();
    values.sort_unstable();
    let mut bytes = vec![u8::try_from(values.len()).unwrap()];
    for (id, operation) in values {
        bytes.extend(id.as_bytes());
        bytes.extend(u32::try_from(operation.len()).unwrap().to_be_bytes());
        bytes.extend(operation);
    }
    bytes.into()
}

#[test]
fn operations_have_these_bytes() {
    let kv = open(1);
    kv.put("key", "value").unwrap();
    kv.del("key").unwrap();
    kv.write(Write::put("key", "value").fields("why")).unwrap();
    kv.write(Write::del("k").fields("why")).unwrap();
    let values: Vec<_> = nodes(kv.log()).iter().map(|node| node.value().unwrap().clone()).collect();
    let expected: [&[u8]; 4] = [
        b"\xf8\0\x03keyvalue",
        b"\xf9\0\x03key",
        b"\xfa\0\x03key\0\0\0\x03whyvalue",
        b"\xfb\0\x01k\0\0\0\x03why",
    ];
    assert_eq!(values, expected);
}

#[test]
fn rows_of_the_view_have_these_bytes() {
    let kv = open(1);
    let one = kv.put("one", "1").unwrap();
    let two = kv.batch([Write::put("two", "1").links([]), Write::del("two").links([]).fields("f")]).unwrap();
    let many = kv.batch((0..17).map(|_| Write::put("many", "12").links([])).collect::<Vec<_>>()).unwrap();
    let mut expected: Rows = BTreeMap::from([
        (row(&[b"kone"]), few(&[(one, b"\xf81")])),
        (row(&[b"ktwo"]), few(&[(two[0], b"\xf81"), (two[1], b"\xfb\0\0\0\x01f")])),
        (row(&[b"kmany"]), row(&[&[0], &17_u64.to_be_bytes(), &51_u64.to_be_bytes()])),
        (row(&[b"xtwo"]), Bytes::new()),
        (row(&[b"xmany"]), Bytes::new()),
    ]);
    expected.extend(many.iter().map(|id| (row(&[b"m\0\x04many", id.as_bytes()]), row(&[b"\xf812"]))));
    assert_eq!(rows(&kv), expected);
    // A key with many values does not stand among those of another, whatever it is called.
    assert!(!rows(&kv).keys().any(|key| key.starts_with(b"m\0\x03")));
}
