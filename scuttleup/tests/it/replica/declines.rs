//! Writers that a side does not take.

use std::sync::Arc;

use level::Memory;
use replicate::{Exchange, Key, ReplicaError, Wants};
use scuttleup::{EntryId, Log};

use super::face::{Named, Side, all_ids, meet, send_all, send_live};
use super::links::{self, append};
use crate::support::{assert_clean, export, identity, import};

fn log(seed: u8) -> Log {
    links::options().open(Arc::new(Memory::new()), identity(seed)).unwrap()
}

fn key(log: &Log) -> Key {
    *log.writer().as_bytes()
}

fn without(log: &Log) -> Wants {
    Wants::Without([key(log)].into())
}

/// Two sides, of which the second does not take all writers.
fn meet_declining(one: &Log, two: &Log, wants: &Wants) -> [Side; 2] {
    meet(one, two, Named::Everything, [&Wants::All, wants]).unwrap()
}

fn says(log: &Log, links: &[EntryId], value: &str) -> EntryId {
    append(log, &[(links.to_vec(), value.as_bytes())])[0].id
}

#[test]
fn a_declined_writer_is_left_out_with_all_that_depends_on_it() {
    let (one, declined, third) = (log(1), log(2), log(3));
    let a = says(&one, &[], "a");
    let d = says(&declined, &[], "d");
    says(&declined, &[d], "e");
    import(&one, &export(&declined));
    let b = says(&one, &[d], "b, which answers d");
    let c = says(&one, &[], "c, behind b");
    import(&third, &export(&one));
    let t = says(&third, &[a], "t");
    import(&one, &export(&third));
    let u = says(&third, &[c], "u, which answers c");
    import(&one, &export(&third));
    let two = log(4);
    let wants = without(&declined);
    let [mut from, mut to] = meet_declining(&one, &two, &wants);
    assert_eq!(send_all(&mut from, &mut to).unwrap(), 2);
    assert_eq!(all_ids(&two), [a, t].into());
    assert_eq!(from.exchange.left_out(), 5);
    // Live, the same holds: what was left out stays so, and so does what comes behind it.
    let v = says(&third, &[], "v, behind u");
    import(&one, &export(&third));
    let w = says(&log(5), &[], "w");
    let fresh = log(5);
    assert_eq!(says(&fresh, &[], "w"), w);
    import(&one, &export(&fresh));
    assert_eq!(send_live(&mut from, &mut to).unwrap(), 1);
    assert_eq!(all_ids(&two), [a, t, w].into());
    assert_eq!(from.exchange.left_out(), 6);
    assert!(one.contains(&b).unwrap() && one.contains(&u).unwrap() && one.contains(&v).unwrap());
    assert_clean(&two);
    // Who then takes everything gets it.
    let [mut from, mut to] = meet_declining(&one, &two, &Wants::All);
    assert_eq!(send_all(&mut from, &mut to).unwrap(), 6);
    assert_eq!(all_ids(&two), all_ids(&one));
    assert_clean(&two);
}

#[test]
fn only_some_writers_can_be_taken() {
    let (one, other) = (log(1), log(2));
    says(&one, &[], "1");
    says(&other, &[], "2");
    import(&one, &export(&other));
    let two = log(3);
    let wants = Wants::Only([key(&other)].into());
    let [mut from, mut to] = meet_declining(&one, &two, &wants);
    assert_eq!(send_all(&mut from, &mut to).unwrap(), 1);
    assert_eq!(from.exchange.left_out(), 1);
    assert!(two.tips().iter().all(|tip| tip.writer == other.writer()));
}

/// What the peer has of a declined writer it has: what answers that can go.
#[test]
fn what_depends_on_a_declined_writer_goes_where_the_peer_has_that() {
    let (one, declined, two) = (log(1), log(2), log(3));
    let d = says(&declined, &[], "d");
    import(&two, &export(&declined));
    let e = says(&declined, &[], "e");
    import(&one, &export(&declined));
    let b = says(&one, &[d], "answers d");
    says(&one, &[e], "answers e");
    let [mut from, mut to] = meet_declining(&one, &two, &without(&declined));
    assert_eq!(send_all(&mut from, &mut to).unwrap(), 1);
    assert_eq!(all_ids(&two), [d, b].into());
    assert_eq!(from.exchange.left_out(), 2);
}

/// One signature covers a run. When the end of it is left out, so is what only that signature vouches for, and what
/// depends on that, of whomever.
#[test]
fn what_loses_its_signature_is_left_out_as_well() {
    let (one, declined, third) = (log(1), log(2), log(3));
    let d = says(&declined, &[], "d");
    import(&one, &export(&declined));
    let run = append(&one, &[(vec![], b"x1"), (vec![], b"x2"), (vec![d], b"x3 answers d")]);
    import(&third, &export(&one));
    let y = append(&third, &[(vec![], b"y1"), (vec![run[0].id], b"y2 answers x1"), (vec![], b"y3")]);
    let z = says(&third, &[], "z");
    let relay = log(4);
    import(&relay, &export(&third));
    for from in [&third, &relay] {
        let two = log(5);
        let [mut from, mut to] = meet_declining(from, &two, &without(&declined));
        assert_eq!(send_all(&mut from, &mut to).unwrap(), 0);
        assert_eq!(from.exchange.left_out(), 8);
        assert!(all_ids(&two).is_empty());
    }
    assert!(relay.contains(&y[0].id).unwrap() && relay.contains(&z).unwrap());
}

/// The rest of a segment in which something lost its signature still goes.
#[test]
fn what_is_covered_without_it_goes() {
    let (declined, third) = (log(2), log(3));
    let d = says(&declined, &[], "d");
    let one = log(1);
    import(&one, &export(&declined));
    let x = append(&one, &[(vec![], b"x1"), (vec![d], b"x2 answers d")]);
    import(&third, &export(&one));
    let y = append(&third, &[(vec![], b"y1"), (vec![], b"y2")]);
    let z = append(&third, &[(vec![x[0].id], b"y3 answers x1")]);
    // Joined to one stored group, in which y3 covers y1 and y2: then they go with it or not at all.
    let relay = log(4);
    import(&relay, &export(&third));
    let sent = |from: &Log| {
        let two = log(5);
        let [mut from, mut to] = meet_declining(from, &two, &without(&declined));
        send_all(&mut from, &mut to).unwrap();
        assert_clean(&two);
        (all_ids(&two), from.exchange.left_out())
    };
    assert_eq!(sent(&third), ([y[0].id, y[1].id].into(), 4));
    assert_eq!(sent(&relay), ([].into(), 6));
    assert!(relay.contains(&z[0].id).unwrap());
}

/// Once the peer has what was left out from elsewhere, its branch goes on.
#[test]
fn a_branch_goes_on_when_the_peer_has_got_what_was_left_out() {
    let (one, declined, two) = (log(1), log(2), log(3));
    let d = says(&declined, &[], "d");
    import(&one, &export(&declined));
    let b = says(&one, &[d], "answers d");
    let [mut from, mut to] = meet_declining(&one, &two, &without(&declined));
    assert_eq!(send_all(&mut from, &mut to).unwrap(), 0);
    says(&one, &[], "behind it");
    assert_eq!(send_live(&mut from, &mut to).unwrap(), 0);
    assert_eq!(from.exchange.left_out(), 3);
    import(&two, &export(&one));
    // It says so by what it sends: an entry that names the last of that branch.
    let point = from.exchange.tips().iter().find(|tip| tip.writer == key(&one)).unwrap().point();
    assert!(from.exchange.peer_named(&point).unwrap());
    assert_eq!(from.exchange.left_out(), 2, "what it named it does not lack");
    let latest = one.tips().into_iter().find(|tip| tip.writer == one.writer()).unwrap();
    let tip = replicate::Tip { writer: key(&one), seq: latest.seq.0, id: *latest.id.as_bytes() };
    assert!(from.exchange.peer_named(&tip.point()).unwrap());
    says(&one, &[b], "goes on");
    let outgoing = from.exchange.next_live().unwrap().unwrap();
    assert_eq!(outgoing.entries, 1);
    assert_eq!(from.exchange.left_out(), 1);
}

#[test]
fn entries_of_a_writer_that_was_declined_are_refused() {
    let (one, two) = (log(1), log(2));
    says(&one, &[], "unwanted");
    let [mut from, mut to] = meet(&one, &two, Named::Samples, [&Wants::All, &Wants::All]).unwrap();
    to.exchange.agree(&without(&one), &Wants::All);
    let outgoing = from.exchange.next_group().unwrap().unwrap();
    let group = to.group(outgoing.bytes).unwrap();
    let Err(ReplicaError::Peer(error)) = to.exchange.ingest(group) else { panic!("taken") };
    assert!(error.to_string().contains("declined"), "{error}");
    assert_eq!(two.last().0, 0);
}

/// A peer may make a segment in which each loss brings the next.
#[test]
fn losses_that_bring_losses_are_followed_to_the_end() {
    let (declined, one) = (log(1), log(2));
    let d = says(&declined, &[], "d");
    let collect = log(9);
    import(&collect, &export(&declined));
    import(&one, &export(&declined));
    let mut before = append(&one, &[(vec![], b"0"), (vec![d], b"end")])[0].id;
    import(&collect, &export(&one));
    let n = 60;
    for seed in 10..10 + n {
        let writer = log(seed);
        import(&writer, &export(&collect));
        before = append(&writer, &[(vec![], b"first"), (vec![before], b"answers")])[0].id;
        import(&collect, &export(&writer));
    }
    // All of it as one stored group.
    let relay = log(8);
    let [mut from, mut to] = meet(&collect, &relay, Named::Samples, [&Wants::All, &Wants::All]).unwrap();
    send_all(&mut from, &mut to).unwrap();
    let two = log(7);
    let [mut from, mut to] = meet_declining(&relay, &two, &without(&declined));
    assert_eq!(send_all(&mut from, &mut to).unwrap(), 0);
    assert_eq!(from.exchange.left_out(), 3 + 2 * u64::from(n));
}

/// What is open at the end of a stored group ends there, although the peer has the end of that group.
#[test]
fn what_is_left_open_does_not_run_into_the_next_group() {
    let (declined, one, had, large) = (log(1), log(2), log(3), log(5));
    let d = says(&declined, &[], "d");
    import(&one, &export(&declined));
    append(&one, &[(vec![], b"x1"), (vec![d], b"x2 answers d")]);
    for n in 0..100 {
        says(&had, &[], &n.to_string());
    }
    import(&one, &export(&had));
    let relay = log(4);
    import(&relay, &export(&one));
    let (most, rest) = (vec![1; 1 << 20], vec![2; scuttleup::UNIT_BYTES - (1 << 20) - 2 * 143]);
    append(&large, &[(vec![], &most), (vec![], &rest)]);
    import(&relay, &export(&large));
    let two = log(6);
    import(&two, &export(&had));
    let [mut from, mut to] = meet_declining(&relay, &two, &without(&declined));
    assert_eq!(send_all(&mut from, &mut to).unwrap(), 2);
    assert_eq!(from.exchange.left_out(), 3);
}

#[test]
fn a_branch_that_grows_from_what_is_left_out_is_left_out_as_well() {
    let (declined, level) = (log(1), Memory::new());
    let d = says(&declined, &[], "d");
    let open = |level: &Memory| links::options().open(Arc::new(level.clone()), identity(2)).unwrap();
    let one = open(&level);
    import(&one, &export(&declined));
    let first = says(&one, &[], "shared, and before it");
    says(&one, &[d], "answers d");
    says(&one, &[], "behind it, and shared");
    let copy = Memory::new();
    level::copy(&level, &copy).unwrap();
    says(&one, &[], "one branch");
    let other = open(&copy);
    says(&other, &[], "the other");
    import(&one, &export(&other));
    assert_eq!((one.forks().unwrap().len(), one.last().0), (1, 6));
    let two = log(3);
    let [mut from, mut to] = meet_declining(&one, &two, &without(&declined));
    assert_eq!(send_all(&mut from, &mut to).unwrap(), 1);
    assert_eq!((all_ids(&two), from.exchange.left_out()), ([first].into(), 5));
}
