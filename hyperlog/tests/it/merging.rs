//! Exports: any concatenation of them, in any order, is a way to merge logs.

use hyperlog::{Change, GroupError, Hyperlog, ImportCause, NodeId, Utf8};
use proptest::prelude::*;

use crate::support::{agreed, check, export, identity, import, import_fails, open};

#[derive(Clone, Debug)]
enum Step {
    Add { on: usize, links: Vec<prop::sample::Index> },
    Append { on: usize },
    Fan { on: usize, nodes: usize },
    Send { from: usize, to: usize },
}

const REPLICAS: usize = 3;

fn step() -> impl Strategy<Value = Step> {
    let on = 0..REPLICAS;
    prop_oneof![
        4 => (on.clone(), prop::collection::vec(any::<prop::sample::Index>(), 0..4)).prop_map(|(on, links)| Step::Add { on, links }),
        2 => on.clone().prop_map(|on| Step::Append { on }),
        1 => (on.clone(), 1usize..60).prop_map(|(on, nodes)| Step::Fan { on, nodes }),
        2 => (on.clone(), on).prop_map(|(from, to)| Step::Send { from, to }),
    ]
}

fn run(logs: &[Hyperlog<Utf8>], step: &Step, text: &str) {
    match step {
        Step::Add { on, links } => {
            let known: Vec<NodeId> = crate::support::nodes(&logs[*on]).iter().map(|node| node.id).collect();
            let links: Vec<NodeId> =
                links.iter().filter(|_| !known.is_empty()).map(|link| *link.get(&known)).collect();
            logs[*on].add(&links, text).unwrap();
        }
        Step::Append { on } => drop(logs[*on].append(text).unwrap()),
        Step::Fan { on, nodes } => {
            let root: Vec<_> =
                logs[*on].heads().unwrap().first().copied().map(Into::into).into_iter().collect();
            let docs =
                (0..*nodes).map(|n| hyperlog::Doc { links: root.clone(), value: format!("{text}/{n}") });
            logs[*on].batch(docs.collect::<Vec<_>>()).unwrap();
        }
        Step::Send { from, to } => drop(import(&logs[*to], &export(&logs[*from]))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_order_of_exports_gives_the_same_graph(steps in prop::collection::vec(step(), 1..25), again in any::<prop::sample::Index>()) {
        let logs: Vec<_> = (1..).take(REPLICAS).map(open).collect();
        for (n, step) in steps.iter().enumerate() {
            run(&logs, step, &n.to_string());
        }
        let exports: Vec<_> = logs.iter().map(export).collect();
        let mut results = Vec::new();
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let all: Vec<u8> = order.iter().chain([again.get(&order)]).flat_map(|n| exports[*n].clone()).collect();
            let log = open(9);
            let done = import(&log, &all);
            prop_assert_eq!((done.exports, done.stored), (4, log.last().0));
            check(&log);
            let second = import(&log, &all);
            prop_assert_eq!((second.stored, second.filled), (0, 0), "importing twice changes nothing");
            results.push((agreed(&log), log.tips(), log.forks().unwrap()));
        }
        for result in &results[1..] {
            prop_assert_eq!(result, &results[0]);
        }
        // And every replica, once it has the others.
        for log in &logs {
            import(log, &exports.concat());
            check(log);
            prop_assert_eq!(&(agreed(log), log.tips(), log.forks().unwrap()), &results[0]);
        }
    }
}

/// A log whose export has three groups in three frames, for they are too large to travel together.
fn three_frames() -> Vec<u8> {
    let log = open(1);
    for value in ["a", "b", "c"] {
        log.append(value.repeat(600_000)).unwrap();
    }
    export(&log)
}

/// An export cut into its beginning and its frames.
fn frames(export: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let (magic, mut rest) = export.split_at(8);
    let mut frames = Vec::new();
    while let Some(head) = rest.first_chunk::<4>() {
        let (frame, after) = rest.split_at(5 + u32::from_be_bytes(*head) as usize);
        frames.push(frame);
        rest = after;
    }
    (magic, frames)
}

fn join(magic: &[u8], frames: &[&[u8]]) -> Vec<u8> {
    [magic, &frames.concat()].concat()
}

#[test]
fn the_export_of_a_plain_log_is_refused_by_kind() {
    let plain = scuttleup::Log::open(hyperlog::Memory::new(), identity(2)).unwrap();
    plain.append("plain").unwrap();
    let mut other = Vec::new();
    plain.export(&mut other).unwrap();
    let graph = open(1);
    graph.append("a node").unwrap();
    let graph = export(&graph);
    for (all, stored) in [
        (other.clone(), 0),
        ([graph.clone(), other.clone()].concat(), 1),
        ([other.clone(), graph.clone()].concat(), 0),
    ] {
        let log = open(9);
        match import_fails(&log, &all) {
            ImportCause::OtherKind { found, wanted } => {
                assert_eq!((found.as_str(), wanted), ("scuttleup", "hyperlog"))
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(log.last(), Change(stored));
        check(&log);
    }
    let reader = graph.as_slice();
    let refused = plain.import(reader).unwrap_err().cause;
    assert!(matches!(refused, ImportCause::OtherKind { .. }), "and the other way round");
}

#[test]
fn the_export_of_another_topic_is_refused() {
    let level = std::sync::Arc::new(hyperlog::Memory::new());
    let topic = hyperlog::Topic::from_bytes([7; 32]);
    let private = Hyperlog::options().topic(topic).open::<Utf8>(level, identity(2)).unwrap();
    private.append("private").unwrap();
    let log = open(1);
    assert!(matches!(import_fails(&log, &export(&private)), ImportCause::OtherTopic));
    assert_eq!(log.last(), Change(0));
}

#[test]
fn frames_out_of_order_left_out_or_twice_are_named() {
    let export = three_frames();
    let (magic, parts) = frames(&export);
    let [start, a, b, c, end] = parts[..] else { panic!("{} frames", parts.len()) };
    let log = open(9);
    assert_eq!(import(&log, &join(magic, &[start, a, b, c, end])).stored, 3, "the control");
    type Expected = fn(&ImportCause) -> bool;
    let cases: [(&[&[u8]], Expected, u64); 8] = [
        (
            &[start, b, a, c, end],
            |cause| matches!(cause, ImportCause::Group(GroupError::UnknownPrevious { .. })),
            0,
        ),
        (
            &[start, a, c, end],
            |cause| matches!(cause, ImportCause::Group(GroupError::UnknownPrevious { .. })),
            1,
        ),
        (&[start, a, b, end], |cause| matches!(cause, ImportCause::Incomplete { said: 3, held: 2 }), 2),
        (&[start, a, a, b, c, end], |cause| matches!(cause, ImportCause::Incomplete { said: 3, held: 4 }), 3),
        (&[start, a, b, c], |cause| matches!(cause, ImportCause::Truncated), 3),
        (&[a, b, c, end], |cause| matches!(cause, ImportCause::Malformed(_)), 0),
        (&[start, start, a, b, c, end], |cause| matches!(cause, ImportCause::Malformed(_)), 0),
        (&[start, a, b, c, end, end], |cause| matches!(cause, ImportCause::NotAnExport), 3),
    ];
    for (parts, is_expected, stored) in cases {
        let log = open(9);
        let cause = import_fails(&log, &join(magic, parts));
        assert!(is_expected(&cause), "{cause:?}");
        assert_eq!(log.last(), Change(stored), "whole groups before the fault are kept");
        check(&log);
    }
}

/// A small export with links, several writers and a batch.
fn small() -> (Vec<u8>, u64) {
    let logs: Vec<_> = (1..=3).map(open).collect();
    for round in 0..2 {
        for log in &logs {
            log.append(format!("{round}")).unwrap();
        }
        import(&logs[0], &export(&logs[1]));
        import(&logs[1], &export(&logs[0]));
    }
    (export(&logs[0]), logs[0].last().0)
}

#[test]
fn a_cut_export_is_named_wherever_it_is_cut() {
    let (whole, nodes) = small();
    for cut in 0..whole.len() {
        let log = open(9);
        let cause = import_fails(&log, &whole[..cut]);
        let is_expected = match cut {
            0 => matches!(cause, ImportCause::Empty),
            _ => matches!(cause, ImportCause::Truncated),
        };
        assert!(is_expected, "cut at {cut}: {cause:?}");
        assert!(log.last().0 == 0 || log.last().0 == nodes, "no part of a group");
        if cut % 16 == 0 {
            check(&log);
        }
    }
}

#[test]
fn a_damaged_byte_anywhere_is_an_error_and_stores_nothing_unverified() {
    let (whole, nodes) = small();
    let good = open(8);
    import(&good, &whole);
    let ids: Vec<NodeId> = crate::support::nodes(&good).iter().map(|node| node.id).collect();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        let log = open(9);
        let error = log.import(bytes.as_slice()).expect_err("damaged");
        assert!(error.at <= at as u64, "byte {at} found at {}", error.at);
        assert!(log.last().0 == 0 || log.last().0 == nodes);
        assert!(crate::support::nodes(&log).iter().all(|node| ids.contains(&node.id)), "byte {at}");
        if at % 16 == 0 {
            check(&log);
        }
    }
}
