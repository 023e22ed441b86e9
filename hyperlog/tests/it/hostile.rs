//! What a hostile writer or relay can send, and what becomes of it.

use hyperlog::{Change, GroupError, ImportCause, LINKS_MAX, NodeId, NodeRefused, refused};
use proptest::prelude::*;

use crate::rogue::{Rogue, ext, kind, packed};
use crate::support::{check, export, import, import_fails, nodes, open};

fn id(n: u64) -> NodeId {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    NodeId::from_bytes(bytes)
}

/// Sends what the rogue has to a log that holds something, and gives the refusal; nothing may be stored.
fn refusal(rogue: &Rogue) -> GroupError {
    let victim = open(1);
    victim.append("mine").unwrap();
    let before = export(&victim);
    let ImportCause::Group(error) = import_fails(&victim, &rogue.export()) else {
        panic!("refused for another reason")
    };
    assert_eq!(victim.last(), Change(1));
    assert_eq!(export(&victim), before);
    check(&victim);
    error
}

#[test]
fn the_rogue_is_believed_where_it_is_honest() {
    // The control for all tests below: what is refused there is refused for what it says.
    let rogue = Rogue::new(2);
    let a = rogue.append(ext(0, None, &[]));
    rogue.append(ext(3, Some(a), &[a]));
    let log = open(1);
    assert_eq!(import(&log, &rogue.export()).stored, 2);
    assert_eq!(nodes(&log)[1].cap, Some(a));
    // In full, too, where that is the spelling.
    let other = Rogue::new(3);
    other.import(&rogue.export());
    let far = ext(2, None, &[a]);
    other.lie(&far, packed(2, None, &[a]));
    let alone = other.append(far);
    assert!(matches!(import_fails(&open(1), &other.export()), ImportCause::Group(GroupError::Malformed(_))));
    other.lie(&ext(2, None, &[a]), [&[0b1_0110][..], &[0; 32], &[1, 2]].concat());
    assert_eq!(import(&log, &other.export()).stored, 1);
    assert!(log.contains(&alone).unwrap());
    check(&log);
}

#[test]
fn an_ext_that_does_not_decode_is_refused_where_it_stops() {
    let many: Vec<NodeId> = (0..=LINKS_MAX as u64).map(id).collect();
    let with = |flags: u8, rest: &[u8]| [&[flags], rest].concat();
    let cases: [(&str, Vec<u8>); 11] = [
        ("an unknown flag", vec![0b10_0000]),
        ("all flags", vec![0xff]),
        ("one link twice", packed(0, None, &[id(1), id(1)])),
        ("257 links", packed(0, None, &many)),
        ("no links, announced", with(0b1_0000, &[0])),
        ("more links than bytes", with(0b1_0000, &[0x80, 0x80, 0x80, 0x80, 0x20])),
        ("more links than numbers", with(0b1_0000, &[0xff; 10])),
        ("a number that is not the shortest", with(0b1_0000, &[0x81, 0])),
        ("a link to a previous entry that is not there", vec![0b1000]),
        ("a link to an entry of the group that is not there", with(0b1_0000, &[1, 1])),
        ("a link before the first entry of the group", with(0b1_0000, &[1, 200, 1])),
    ];
    for (what, said) in cases {
        let rogue = Rogue::new(2);
        let ext = ext(0, None, &[]);
        rogue.lie(&ext, said);
        rogue.append(ext);
        let error = refusal(&rogue);
        assert!(matches!(error, GroupError::Malformed(_)), "{what}: {error:?}");
    }
}

#[test]
fn an_ext_that_was_signed_in_another_spelling_is_not_what_was_signed() {
    let (a, b) = (id(1), id(2));
    let many: Vec<NodeId> = (0..=LINKS_MAX as u64).map(id).collect();
    let trailing = [ext(0, None, &[]), vec![0]].concat();
    let mut short = ext(0, None, &[]);
    short.truncate(34);
    let mut too_many = ext(0, None, &[]);
    too_many[33..].copy_from_slice(&u16::MAX.to_le_bytes());
    // What was signed, and the nearest thing that can be sent.
    let cases: [(&str, Vec<u8>, Vec<u8>); 7] = [
        ("an unknown kind", ext(4, None, &[]), packed(0, None, &[])),
        ("links out of order", ext(0, None, &[b, a]), packed(0, None, &[a, b])),
        ("a repeated link", ext(0, None, &[a, a]), packed(0, None, &[a])),
        ("257 links", ext(0, None, &many), packed(0, None, &many[1..])),
        ("a trailing byte", trailing, packed(0, None, &[])),
        ("a missing byte", short, packed(0, None, &[])),
        ("a number of links that are not there", too_many, packed(0, None, &[])),
    ];
    for (what, signed, said) in cases {
        let rogue = Rogue::new(2);
        // Its links are known, so that nothing but the spelling is wrong.
        rogue.lie(&signed, said);
        rogue.append(signed);
        let error = refusal(&rogue);
        let is_expected = match refused(&error) {
            Some(NodeRefused::UnknownLink { .. }) => what.contains("link"),
            Some(_) => false,
            None => matches!(error, GroupError::BadSignature { .. }),
        };
        assert!(is_expected, "{what}: {error:?}");
    }
}

#[test]
fn an_unknown_link_or_grant_is_refused_by_name() {
    let rogue = Rogue::new(2);
    let known = rogue.append(ext(0, None, &[]));
    rogue.append(ext(0, None, &[known, id(9)]));
    match refused(&refusal(&rogue)) {
        Some(NodeRefused::UnknownLink { link }) => assert_eq!(*link, id(9)),
        other => panic!("{other:?}"),
    }
    let rogue = Rogue::new(2);
    rogue.append(ext(0, Some(id(9)), &[]));
    match refused(&refusal(&rogue)) {
        Some(NodeRefused::UnknownCap { cap }) => assert_eq!(*cap, id(9)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_link_to_zeros_is_an_unknown_link() {
    let rogue = Rogue::new(2);
    let zeros = NodeId::from_bytes([0; 32]);
    rogue.append(ext(0, None, &[zeros]));
    assert!(matches!(refused(&refusal(&rogue)), Some(NodeRefused::UnknownLink { link }) if *link == zeros));
}

#[test]
fn a_link_forward_in_a_group_is_refused_and_the_same_nodes_in_order_are_not() {
    let (first, second) = (Rogue::new(2), Rogue::new(3));
    let later = second.append(ext(0, None, &[]));
    first.append(ext(0, None, &[later]));
    // One group with the link before what it leads to: the rogue does not mind.
    first.import(&second.export());
    match refused(&refusal(&first)) {
        Some(NodeRefused::UnknownLink { link }) => assert_eq!(*link, later),
        other => panic!("{other:?}"),
    }
    let log = open(1);
    import(&log, &second.export());
    assert_eq!(import(&log, &first.export()).stored, 1);
    check(&log);
}

#[test]
fn a_refused_node_takes_its_whole_group_with_it() {
    let rogue = Rogue::new(2);
    let good = rogue.append(ext(0, None, &[]));
    for _ in 0..10 {
        rogue.append(ext(0, None, &[good]));
    }
    rogue.append(ext(0, None, &[id(9)]));
    assert!(refused(&refusal(&rogue)).is_some());
}

#[test]
fn a_plain_scuttleup_entry_is_none_of_a_graph() {
    let rogue = Rogue::new(2);
    rogue.lie(b"", packed(0, None, &[]));
    rogue.append(vec![]);
    assert!(matches!(refusal(&rogue), GroupError::BadSignature { .. }));
}

#[derive(Clone, Debug)]
struct Drawn {
    kind: u8,
    cap: Option<prop::sample::Index>,
    links: Vec<prop::sample::Index>,
    by_second: bool,
    syncs: bool,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let links = prop_oneof![
        4 => prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        1 => prop::collection::vec(any::<prop::sample::Index>(), 200..300),
    ];
    (0u8..4, prop::option::of(any::<prop::sample::Index>()), links, any::<bool>(), any::<bool>())
        .prop_map(|(kind, cap, links, by_second, syncs)| Drawn { kind, cap, links, by_second, syncs })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_node_survives_packing(drawn in prop::collection::vec(drawn(), 1..60)) {
        // Written by a log without rules, and its own packing; packed again by a graph, and unpacked by the rogue.
        let (first, second) = (Rogue::new(2), Rogue::new(3));
        let mut ids = Vec::new();
        let mut exts = std::collections::BTreeMap::new();
        for Drawn { kind, cap, links, by_second, syncs } in drawn {
            let (writer, other) = if by_second { (&second, &first) } else { (&first, &second) };
            if syncs {
                writer.import(&other.export());
            }
            let known: Vec<NodeId> = ids.iter().copied().filter(|id| writer.log.contains(id).unwrap()).collect();
            let pick = |index: &prop::sample::Index| (!known.is_empty()).then(|| *index.get(&known));
            let links: std::collections::BTreeSet<NodeId> = links.iter().filter_map(pick).take(LINKS_MAX).collect();
            let (cap, links) = (cap.as_ref().and_then(pick), links.into_iter().collect::<Vec<_>>());
            let bytes = ext(kind, cap, &links);
            let id = writer.append(bytes.clone());
            exts.insert(id, (kind, cap, links, bytes));
            ids.push(id);
        }
        let log = open(1);
        import(&log, &first.export());
        import(&log, &second.export());
        for node in nodes(&log) {
            let (byte, cap, links, _) = &exts[&node.id];
            prop_assert_eq!((node.kind, node.cap, &node.links), (kind(*byte), *cap, links));
        }
        check(&log);
        let back = Rogue::new(4);
        back.import(&export(&log));
        for (id, (.., bytes)) in &exts {
            let entry = back.log.get(id).unwrap().unwrap();
            prop_assert_eq!(entry.header().ext.as_ref(), bytes.as_slice());
        }
    }
}

#[test]
fn a_chained_node_takes_at_most_16_bytes_beside_its_value() {
    for (what, each) in [("appended one by one", 1), ("in batches", 300)] {
        let log = open(1);
        let value = "a value";
        for _ in 0..3_000 / each {
            if each == 1 {
                log.append(value).unwrap();
            } else {
                let docs = (0..each).map(|place: usize| hyperlog::Doc {
                    links: match place.checked_sub(1) {
                        Some(before) => vec![hyperlog::Link::Doc(before)],
                        None => log.heads().unwrap().into_iter().map(Into::into).collect(),
                    },
                    value: value.into(),
                });
                log.batch(docs.collect::<Vec<_>>()).unwrap();
            }
        }
        let beside = export(&log).len() - value.len() * 3_000;
        println!("{what}: {:.2} bytes a node", beside as f64 / 3_000.0);
        assert!(beside <= 16 * 3_000, "{what}: {beside} bytes beside the values of 3,000 nodes");
    }
}
