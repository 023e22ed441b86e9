//! The bytes of the format. A change here is a new version of the format, or a bug.

use std::collections::BTreeMap;

use hyperlog::{Act, Kind, Memory};
use hyperlog_writers::{Channel, Keep, Role};

use crate::support::{identity, key};

const VECTOR: &str = include_str!("../vectors/channel.txt");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_fixed_channel_has_the_bytes_and_the_ids_of_the_format() {
    let lines = VECTOR.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let vector: BTreeMap<&str, &str> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let root = identity(1);
    assert_eq!(root.writer().to_string(), vector["root"]);
    assert_eq!(key(2).to_string(), vector["granted"]);
    let channel =
        Channel::<hyperlog::Binary>::open(Memory::new(), root.clone(), vector["topic"].parse().unwrap())
            .unwrap();
    let value = [&root.writer().as_bytes()[..], &[7; 32], b"test"].concat().into();
    let genesis = Act { kind: Kind::Genesis, cap: None, links: vec![], value };
    let genesis = channel.log().act(|_| Ok::<_, hyperlog::Error>(genesis)).unwrap().id;
    let grant = channel.authorize(key(2), Role::Writer).unwrap();
    let revoke = channel.revoke(&grant, Keep::Only(vec![])).unwrap().id;
    for (name, id) in [("genesis", genesis), ("grant", grant), ("revoke", revoke)] {
        assert_eq!(id.to_string(), vector[format!("{name} id").as_str()], "{name}");
        let value = channel.log().raw(&id).unwrap().value().cloned().unwrap();
        assert_eq!(hex(&value), vector[format!("{name} value").as_str()], "{name}");
    }
}
