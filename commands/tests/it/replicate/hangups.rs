//! Lines that end in the middle, or stand still for a while.

use super::relay::{self, AtEnd, Gate};
use super::{Pair, are_equal};
use crate::dice::Dice;
use crate::place::{Log, Place};
use rustix::process::Signal;
use std::thread;
use std::time::{Duration, Instant};

/// A log that has much, and one that has a little.
fn two_logs(place: &Place, nodes: u64) -> (Log, Log) {
    let (a, b) = (place.log("a"), place.log("b"));
    a.grow(nodes, &mut Dice::cast("values"));
    b.append("of b");
    (a, b)
}

/// An `nc` that listens ends both ways when its input from the network ends: who says goodbye first must not close
/// its end before the other has said it as well.
#[test]
fn a_line_that_ends_both_ways_at_the_end_of_one_cuts_nobody_off() {
    let place = Place::new();
    let (a, b) = two_logs(&place, 4_000);
    let pair =
        relay::start(&mut a.replicate(""), &mut b.replicate(""), Gate::after(u64::MAX), AtEnd::EndBoth);
    let (a_said, b_said) = pair.end_well();
    assert!(a_said.contains("both logs are equal") && b_said.contains("both logs are equal"));
    are_equal(&a, &b);
}

/// How many bytes `a` says in a whole sync like this.
fn half(nodes: u64) -> u64 {
    // A node of a chain with a short value.
    nodes * 20 / 2
}

#[test]
fn ctrl_c_in_the_middle_ends_both_at_once_and_the_next_sync_goes_on() {
    let place = Place::new();
    let (a, b) = two_logs(&place, 10_000);
    for bytes in [10, half(10_000)] {
        let gate = Gate::after(bytes);
        let pair = relay::start(&mut a.replicate(""), &mut b.replicate(""), gate.clone(), AtEnd::GoOn);
        gate.is_shut();
        let start = Instant::now();
        pair.a.tell(Signal::INT);
        gate.open();
        let (a_ended, b_ended) = pair.end();
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        let (a_why, b_why) = (a_ended.failed(), b_ended.failed());
        assert!(a_why.ends_with(": stopped here"), "{a_why}");
        assert!(b_why.ends_with(": the other side ended the sync: stopped by its user"), "{b_why}");
        a.is_sound();
        b.is_sound();
    }
    let (_, said) = super::dupsh(&a.syncing(), &b.syncing()).well();
    assert!(said.contains("both logs are equal"), "{said}");
    are_equal(&a, &b);
}

#[test]
fn a_line_that_is_cut_in_the_middle_is_named_on_both_sides() {
    let place = Place::new();
    let (a, b) = two_logs(&place, 10_000);
    let gate = Gate::after(half(10_000));
    let mut pair = relay::start(&mut a.replicate(""), &mut b.replicate(""), gate.clone(), AtEnd::EndBoth);
    gate.is_shut();
    pair.a.still_runs();
    pair.a.tell(Signal::KILL);
    let Pair { a: killed, b: left } = pair;
    assert_eq!(killed.ends().code, None);
    gate.open();
    let why = left.ends().failed();
    assert!(why.contains("the connection ended in the middle: the other side has not sent all"), "{why}");
    a.is_sound();
    b.is_sound();
    super::dupsh(&a.syncing(), &b.syncing()).well();
    are_equal(&a, &b);
}

#[test]
fn who_is_stopped_for_a_while_goes_on_as_if_nothing_had_been() {
    let place = Place::new();
    for first in [true, false] {
        let (a, b) = two_logs(&place, 3_000);
        b.grow(3_000, &mut Dice::cast("more values"));
        let gate = Gate::after(half(3_000));
        let mut pair = relay::start(&mut a.replicate(""), &mut b.replicate(""), gate.clone(), AtEnd::GoOn);
        gate.is_shut();
        let stopped = if first { &pair.a } else { &pair.b };
        stopped.tell(Signal::STOP);
        gate.open();
        thread::sleep(Duration::from_millis(1_500));
        pair.a.still_runs();
        pair.b.still_runs();
        let stopped = if first { &pair.a } else { &pair.b };
        stopped.tell(Signal::CONT);
        let (a_said, b_said) = pair.end_well();
        assert!(a_said.contains("both logs are equal") && b_said.contains("both logs are equal"));
        are_equal(&a, &b);
    }
}
