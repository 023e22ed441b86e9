//! Views that do not care what came when, and one that does.

use hyperlog::{Hyperlog, NodeId, Utf8};
use hyperlog_index::View;
use hyperlog_index::testing::Orders;

use crate::standing::toy;
use crate::support::open;
use crate::views::{Probe, arrival, by_word, count, lengths, register, tally};

/// Three branches that join, and a node on its own.
fn graph(log: &Hyperlog<Utf8>) -> Vec<NodeId> {
    let add = |links: &[NodeId], value: &str| log.add(links, value).unwrap().id;
    let root = add(&[], "a=root");
    let left = add(&[root], "a=left words");
    let right = add(&[root], "a=right words");
    let other = add(&[root], "b=other");
    let join = add(&[left, right], "a=join");
    let lone = add(&[], "a=lone");
    let last = add(&[join, other], "b=last words");
    vec![root, left, right, other, join, lone, last]
}

fn cares(log: &Hyperlog<Utf8>, view: &impl View) -> bool {
    let result = Orders::of(log).unwrap().check(view, 30, 7, |rows| rows).unwrap();
    result.is_err()
}

/// The nodes of each writer alone are in order. So these come from two, of whom one knows little.
fn concurrent() -> Hyperlog<Utf8> {
    let (one, two, three) = (open(1), open(2), open(3));
    graph(&one);
    for (log, values) in [(&two, ["a=2", "c=2", "bad 2"]), (&three, ["a=3", "words", "bad 3"])] {
        values.iter().for_each(|value| drop(log.append(*value).unwrap()));
        crate::support::import(&one, &crate::support::export(log));
    }
    one.append("b=joins all").unwrap();
    one
}

#[test]
fn no_view_of_these_tests_cares_about_the_order() {
    let log = concurrent();
    assert!(!cares(&log, &tally()));
    assert!(!cares(&log, &register()));
    assert!(!cares(&log, &lengths()));
    assert!(!cares(&log, &by_word()));
    assert!(!cares(&log, &Probe::new("nothing", |_, _| Ok(()))));
}

#[test]
fn a_view_in_which_the_last_to_arrive_wins_is_found_out() {
    // The control: it must be able to fail.
    let (one, two) = (open(1), open(2));
    one.append("1").unwrap();
    two.append("2").unwrap();
    crate::support::import(&one, &crate::support::export(&two));
    let error = Orders::of(&one).unwrap().check(&arrival(), 10, 1, |rows| rows).unwrap().unwrap_err();
    assert_eq!(error.order.len(), 2);
    assert_ne!(error.expected, error.found);
    assert!(error.to_string().contains("depends on the order"));
    // What is not looked at may differ.
    Orders::of(&one).unwrap().check(&arrival(), 10, 1, |rows| rows.len()).unwrap().unwrap();
}

#[test]
fn a_view_that_keeps_local_numbers_is_found_out() {
    let local = Probe::new("local", |node, rows| {
        Ok(rows.put(node.id.as_bytes(), node.change.0.to_be_bytes().to_vec())?)
    });
    assert!(cares(&concurrent(), &local));
}

#[test]
fn what_one_order_skips_and_another_does_not_is_found_out() {
    let first_come = Probe::new("first-come", |node, rows| {
        if rows.get(b"taken")?.is_some() && node.links.is_empty() {
            return Err("another was first".into());
        }
        Ok(rows.put(b"taken", vec![])?)
    });
    // Every order of two roots skips one of them; with a link from either the numbers differ.
    let (one, two) = (open(1), open(2));
    let root = one.append("1").unwrap().id;
    one.add(&[root], "1 on").unwrap();
    two.append("2").unwrap();
    crate::support::import(&one, &crate::support::export(&two));
    assert!(!cares(&one, &first_come), "one is skipped in each order");
    let picky = Probe::new("picky", |node, rows| {
        count(node, rows)?;
        let seen = rows.get(b"all")?.unwrap_or_default();
        if node.value().is_some_and(|text| text == "2") && seen[7] != 1 { Err("late".into()) } else { Ok(()) }
    });
    assert!(cares(&one, &picky));
}

#[test]
fn a_writer_s_own_nodes_keep_their_order() {
    // Links or no links: nobody gets the second before the first.
    let log = open(1);
    (0..5).for_each(|n| drop(log.add(&[], n.to_string()).unwrap()));
    assert!(!cares(&log, &arrival()));
}

#[test]
fn void_nodes_hold_the_others_in_order() {
    // a <- v <- b of three writers, where v is void: b comes after a on every replica.
    let logs = [toy(1), toy(2), toy(3)];
    let send =
        |from: usize, to: usize| crate::support::import(&logs[to], &crate::support::export(&logs[from]));
    logs[0].append("a").unwrap();
    send(0, 1);
    let void = logs[1].append("v").unwrap().id;
    send(1, 2);
    let last = logs[2].append("b").unwrap().id;
    logs[2].add(&[last], format!("void:{void}")).unwrap();
    assert!(logs[2].is_void(&void).unwrap());
    assert!(!cares(&logs[2], &arrival()));
}
