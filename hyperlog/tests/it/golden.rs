//! The bytes of the format. A change here is a new version of the format, or a bug.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyperlog::{Hyperlog, Memory, Utf8};

use crate::rogue::ext;
use crate::support::identity;

const VECTOR: &str = include_str!("../vectors/node.txt");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_fixed_node_has_the_bytes_and_the_id_of_the_format() {
    let lines = VECTOR.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let vector: BTreeMap<&str, &str> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let level = Memory::new();
    let log = Hyperlog::<Utf8>::open(level.clone(), identity(1)).unwrap();
    assert_eq!(log.writer().to_string(), vector["writer"]);
    let first = log.add(&[], vector["first value"]).unwrap();
    let second = log.add(&[first.id], vector["second value"]).unwrap();
    assert_eq!(first.id.to_string(), vector["first id"]);
    assert_eq!(second.id.to_string(), vector["second id"]);
    drop(log);
    assert_eq!(hex(&ext(0, None, &[])), vector["first ext"]);
    assert_eq!(hex(&ext(0, None, &[first.id])), vector["second ext"]);
    // And they are what is stored.
    let rogue = crate::rogue::reopen(Arc::new(level));
    for (id, name) in [(first.id, "first"), (second.id, "second")] {
        let entry = rogue.get(&id).unwrap().unwrap();
        assert_eq!(hex(&entry.header().ext), vector[format!("{name} ext").as_str()]);
        assert_eq!(hex(&entry.header().encode()), vector[format!("{name} header").as_str()]);
    }
}
