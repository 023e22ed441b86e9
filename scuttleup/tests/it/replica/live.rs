//! What comes after the snapshot, and what may be seen when.

use std::sync::Arc;

use level::testing::{Failing, Operation};
use level::{Durability, Memory};
use replicate::{Exchange, Replica, ReplicaError, Wants};
use scuttleup::{Error, Log, MemorySidecar};

use super::face::{Named, Side, meet, send_all, send_live, sync};
use crate::support::{assert_clean, block_on, export, identity, ids, import, log};

fn live(one: &Log, two: &Log) -> [Side; 2] {
    let [mut a, mut b] = meet(one, two, Named::Samples, [&Wants::All, &Wants::All]).unwrap();
    send_all(&mut a, &mut b).unwrap();
    send_all(&mut b, &mut a).unwrap();
    [a, b]
}

#[test]
fn what_is_appended_during_a_session_is_live_and_no_part_of_the_snapshot() {
    let (one, two) = (log(1), log(2));
    one.append("before").unwrap();
    let [mut a, mut b] = meet(&one, &two, Named::Samples, [&Wants::All, &Wants::All]).unwrap();
    one.append("after").unwrap();
    assert_eq!(a.exchange.about().entries, 1);
    assert_eq!(send_all(&mut a, &mut b).unwrap(), 1);
    assert_eq!(send_all(&mut a, &mut b).unwrap(), 0);
    assert_eq!(send_live(&mut a, &mut b).unwrap(), 1);
    assert_eq!(ids(&one), ids(&two));
    assert_eq!(a.exchange.tips().len(), 1, "the snapshot stays what it was");
    assert_eq!(a.exchange.tips()[0].seq, 1);
}

#[test]
fn own_and_foreign_entries_go_on_live_and_nothing_comes_back() {
    let (one, two, third) = (log(1), log(2), log(3));
    one.append("one").unwrap();
    let [mut a, mut b] = live(&one, &two);
    assert_eq!(send_live(&mut a, &mut b).unwrap() + send_live(&mut b, &mut a).unwrap(), 0);
    two.append_batch(["two", "two"]).unwrap();
    assert_eq!(send_live(&mut b, &mut a).unwrap(), 2);
    assert_eq!(send_live(&mut a, &mut b).unwrap(), 0, "no echo");
    // What a third brings to one of them goes on to the other, once.
    third.append_batch((0..300).map(|n| n.to_string())).unwrap();
    import(&one, &export(&third));
    assert_eq!(send_live(&mut a, &mut b).unwrap(), 300);
    assert_eq!(send_live(&mut b, &mut a).unwrap(), 0);
    // And what it brings to both goes once in each direction at most: neither can know.
    third.append("late").unwrap();
    import(&one, &export(&third));
    import(&two, &export(&third));
    assert_eq!(send_live(&mut a, &mut b).unwrap(), 1);
    assert_eq!(send_live(&mut b, &mut a).unwrap(), 0);
    assert_eq!(ids(&one), ids(&two));
    assert_clean(&two);
}

#[test]
fn own_entries_are_durable_before_a_peer_sees_them() {
    let one = Log::options().durability(Durability::Buffered);
    let one = one.open(Arc::new(Memory::new()), identity(1)).unwrap();
    let two = log(2);
    one.append("buffered").unwrap();
    assert_eq!(one.visible().0, 0);
    let [mut a, mut b] = live(&one, &two);
    assert_eq!((one.visible().0, two.last().0), (1, 1), "a session makes its snapshot durable");
    one.append("later").unwrap();
    assert_eq!(send_live(&mut a, &mut b).unwrap(), 0);
    // What came from others meanwhile stands behind it in the local order, and waits as well.
    let third = log(3);
    third.append("third").unwrap();
    import_unsynced(&one, &third);
    assert_eq!(send_live(&mut a, &mut b).unwrap(), 0);
    one.flush().unwrap();
    assert_eq!(send_live(&mut a, &mut b).unwrap(), 2);
    one.append("last").unwrap();
    let settled = a.exchange.settle(true).unwrap();
    assert_eq!((settled.entries, one.visible().0), (4, 4), "what is said in the end is durable, too");
}

fn import_unsynced(to: &Log, from: &Log) {
    let mut exchange = from.exchange().unwrap();
    exchange.agree(&Wants::All, &Wants::All);
    exchange.plan().unwrap();
    while let Some(outgoing) = exchange.next_group().unwrap() {
        crate::support::take(to, outgoing.bytes).unwrap();
    }
}

#[test]
fn drafts_are_no_part_of_a_session() {
    let one = log(1);
    one.append("stored").unwrap();
    let begun: Result<_, Error> = one.transaction(None, |transaction| {
        transaction.append(bytes::Bytes::new(), "draft".into())?;
        Ok(transaction.drafts().count())
    });
    assert_eq!(begun.unwrap(), 1);
    assert_eq!(one.exchange().unwrap().about().entries, 2, "committed by then");
}

#[test]
fn news_come_when_there_may_be_more_to_send() {
    let (one, two) = (log(1), log(2));
    let [mut a, mut b] = live(&one, &two);
    let news = a.exchange.news();
    one.append("news").unwrap();
    block_on(news);
    assert_eq!(send_live(&mut a, &mut b).unwrap(), 1);
    // They need neither the session nor the log.
    let news = a.exchange.news();
    import(&one, &export(&two));
    two.append("more").unwrap();
    import(&one, &export(&two));
    drop(a);
    block_on(news);
}

#[test]
fn a_log_that_must_catch_up_does_so_in_a_session() {
    let (level, sidecar) = (Memory::new(), Arc::new(MemorySidecar::default()));
    let open = |level: &Memory| {
        let options = Log::options().sidecar(sidecar.clone());
        options.open(Arc::new(level.clone()), identity(1)).unwrap()
    };
    let one = open(&level);
    one.append_batch((0..5).map(|n| n.to_string())).unwrap();
    let old = Memory::new();
    level::copy(&level, &old).unwrap();
    one.append_batch((5..9).map(|n| n.to_string())).unwrap();
    let two = log(2);
    sync(&one, &two);
    drop(one);
    let one = open(&old);
    assert!(matches!(one.append("x"), Err(Error::NeedsCatchUp { .. })));
    let mut other = log(3).exchange().unwrap();
    let mut exchange = one.exchange().unwrap();
    exchange.settle(true).unwrap();
    other.settle(false).unwrap();
    assert!(matches!(one.append("x"), Err(Error::NeedsCatchUp { .. })), "who has nothing ends nothing");
    let [mut a, mut b] = live(&one, &two);
    a.exchange.settle(false).unwrap();
    assert!(matches!(one.append("x"), Err(Error::NeedsCatchUp { .. })), "not before all has come");
    a.exchange.settle(true).unwrap();
    assert_eq!(one.append("caught up").unwrap().seq.0, 10);
    assert_eq!(send_live(&mut a, &mut b).unwrap(), 1);
    assert!(one.forks().unwrap().is_empty());
}

#[test]
fn a_log_whose_write_failed_begins_no_session_and_ends_none() {
    let level = Failing::new(Memory::new());
    let one = Log::open(level.clone(), identity(1)).unwrap();
    one.append("1").unwrap();
    let mut exchange = one.exchange().unwrap();
    level.fail_once(Operation::Apply, 0);
    one.append("2").unwrap_err();
    assert!(matches!(one.exchange(), Err(ReplicaError::Local(_))));
    assert!(matches!(exchange.settle(true), Err(ReplicaError::Local(_))));
}
