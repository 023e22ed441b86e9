//! Groups are joined and never cut, wherever what the peer has begins and ends.

use level::Memory;
use replicate::{Exchange, Wants};
use scuttleup::{Log, Read, UNIT_BYTES};

use super::face::{Named, meet, send_all, sync};
use crate::support::{
    Forged, assert_clean, chain, export, group, identity, ids, import, log, log_on_level, take,
};

/// Whether each entry carries a signature, in local order.
fn signed(log: &Log) -> Vec<bool> {
    log.read(Read::all()).map(|entry| entry.unwrap().signature().is_some()).collect()
}

/// The sizes of the groups in which all of a log goes to an empty one.
fn sizes(log: &Log) -> Vec<usize> {
    let other = self::log(99);
    let [mut a, mut b] = meet(log, &other, Named::Samples, [&Wants::All, &Wants::All]).unwrap();
    let mut sizes = Vec::new();
    while let Some(outgoing) = a.exchange.next_group().unwrap() {
        sizes.push(b.group(outgoing.bytes.clone()).unwrap().size());
        a.deliver(outgoing, &mut b).unwrap();
    }
    assert_eq!(ids(log), ids(&other));
    assert_clean(&other);
    sizes
}

#[test]
fn runs_are_joined_under_one_signature() {
    let one = log(1);
    one.append_batch((0..1_000).map(|n| n.to_string())).unwrap();
    for n in 0..50 {
        one.append(n.to_string()).unwrap();
    }
    let two = log(2);
    assert_eq!(sync(&one, &two), [1_050, 0]);
    let signed = signed(&two);
    assert_eq!(signed.iter().filter(|signed| **signed).count(), 1);
    assert!(signed[1_049]);
}

#[test]
fn units_are_filled_to_the_last_byte_and_not_beyond() {
    let one = log(1);
    let header = 143;
    let (large, rest) = (1 << 20, UNIT_BYTES - (1 << 20) - 2 * header);
    for _ in 0..2 {
        one.append_batch([vec![1; large], vec![2; rest]]).unwrap();
    }
    one.append("one more").unwrap();
    assert_eq!(sizes(&one), [UNIT_BYTES, UNIT_BYTES, header + 8]);
    let two = log(2);
    one.append_batch([vec![3; large], vec![4; rest - 1]]).unwrap();
    import(&two, &export(&one));
    assert_eq!(sizes(&two), sizes(&one));
}

/// A stored group that begins before what the peer lacks is the rest of it.
#[test]
fn a_peer_with_a_prefix_of_a_joined_group_gets_the_rest_of_it() {
    let one = log(1);
    let three = log(3);
    for n in 0..20 {
        one.append(n.to_string()).unwrap();
        if n == 7 {
            assert_eq!(sync(&one, &three), [8, 0]);
        }
    }
    let two = log(2);
    sync(&one, &two);
    assert_eq!(signed(&two).iter().filter(|signed| **signed).count(), 1, "they came as one group");
    assert_eq!(sync(&two, &three), [12, 0]);
    assert_eq!(ids(&three), ids(&one));
    assert_clean(&three);
}

#[test]
fn a_batch_of_many_runs_is_relayed_to_a_peer_that_has_some_of_it() {
    let one = log(1);
    let values: Vec<String> = (0..700).map(|n| n.to_string()).collect();
    one.append_batch(values).unwrap();
    let [two, three] = [log(2), log(3)];
    // The third has the first run only, as if the wire had been cut there.
    let [mut a, mut b] = meet(&one, &three, Named::Samples, [&Wants::All, &Wants::All]).unwrap();
    let first: Vec<_> = one.read(Read::all().limit(256)).map(Result::unwrap).collect();
    let forged: Vec<Forged> = first.iter().map(to_forged).collect();
    take(&three, group(&forged)).unwrap();
    assert_eq!(send_all(&mut a, &mut b).unwrap(), 700, "it was not known yet");
    let three = log(3);
    take(&three, group(&forged)).unwrap();
    sync(&one, &two);
    assert_eq!(sync(&two, &three), [444, 0]);
    assert_eq!(ids(&three), ids(&one));
    assert_clean(&three);
}

fn to_forged(entry: &scuttleup::Entry) -> Forged {
    let header = entry.header();
    Forged {
        seed: 1,
        writer: header.writer,
        topic: header.topic,
        seq: header.seq.0,
        prev: header.prev,
        value: entry.value().bytes().map(|value| value.to_vec()).unwrap(),
        hollow: false,
        signature: entry.signature().copied(),
    }
}

#[test]
fn writers_that_take_turns_within_a_stored_group_are_each_continued_where_the_peer_stands() {
    let one = [log(1), log(2), log(3)];
    let all = log(9);
    for round in 0..30 {
        for writer in &one {
            writer.append(round.to_string()).unwrap();
            import(&all, &export(writer));
        }
    }
    let two = log(8);
    sync(&all, &two);
    assert_eq!(signed(&two).iter().filter(|signed| **signed).count(), 3, "one group, three branches");
    for (have, lacking) in [([30, 30, 29], 1), ([30, 0, 0], 60), ([1, 29, 15], 45), ([0, 30, 30], 30)] {
        let peer = log(7);
        for (writer, n) in one.iter().zip(have) {
            let entries = writer.read(Read::all().limit(n)).map(Result::unwrap);
            for entry in entries {
                let seed = if *writer.writer().as_bytes() == *one[0].writer().as_bytes() { 1 } else { 0 };
                take(&peer, group(&[Forged { seed, ..to_forged(&entry) }])).unwrap();
            }
        }
        assert_eq!(sync(&two, &peer), [lacking, 0], "{have:?}");
        assert_eq!(ids(&peer), ids(&two));
        assert_clean(&peer);
    }
}

#[test]
fn a_fork_in_the_middle_of_a_run_goes_with_the_branch_that_covers_it() {
    let run = chain(1, 9);
    let fork = |at: usize| {
        let first = run[at].next("fork");
        let second = first.next("fork").signed();
        vec![first, second]
    };
    for at in [0, 3, 7] {
        let one = log(2);
        take(&one, group(&run)).unwrap();
        take(&one, group(&fork(at))).unwrap();
        let [two, three, four] = [log(3), log(4), log(5)];
        assert_eq!(sync(&one, &two)[0], 11);
        // Who has one branch lacks the other.
        take(&three, group(&run)).unwrap();
        assert_eq!(sync(&two, &three), [2, 0]);
        let mut trunk = run[..=at].to_vec();
        trunk.extend(fork(at));
        take(&four, group(&trunk)).unwrap();
        assert_eq!(sync(&two, &four), [8 - at as u64, 0]);
        for log in [&two, &three, &four] {
            assert_eq!((ids(log), log.forks().unwrap()), (ids(&one), one.forks().unwrap()));
            assert_clean(log);
        }
    }
}

/// Forks upon forks: each step of the way to the root is gone once.
#[test]
fn nested_forks_are_located_and_sent() {
    let mut at = Forged::first(1, "").signed();
    let mut groups = vec![vec![at.clone()]];
    for _ in 0..300 {
        groups.push(vec![at.next("left").signed()]);
        at = at.next("right").signed();
        groups.push(vec![at.clone()]);
    }
    let (one, two, three) = (log(2), log(3), log(4));
    for entries in &groups {
        take(&one, group(entries)).unwrap();
    }
    for entries in &groups[..301] {
        take(&two, group(entries)).unwrap();
    }
    assert_eq!(one.tips().len(), 301);
    assert_eq!(sync(&one, &three), [601, 0]);
    let [there, back] = sync(&one, &two);
    assert!((300..601).contains(&there) && back == 0, "{there} there and {back} back");
    assert_eq!((ids(&one), one.forks().unwrap()), (ids(&two), two.forks().unwrap()));
    assert_clean(&two);
}

#[test]
fn two_copies_of_one_writer_exchange_what_each_went_on_with() {
    let (one, level) = log_on_level(1);
    one.append_batch((0..300).map(|n| n.to_string())).unwrap();
    let copy = Memory::new();
    level::copy(&level, &copy).unwrap();
    let two = Log::open(copy, identity(1)).unwrap();
    one.append_batch((0..10).map(|n| format!("one {n}"))).unwrap();
    two.append_batch((0..400).map(|n| format!("two {n}"))).unwrap();
    let [there, back] = sync(&one, &two);
    // Samples are at doubling distances below the tips, so some of what both have goes again.
    assert!((10..=320).contains(&there) && (400..=810).contains(&back), "{there} and {back}");
    assert_eq!(sync(&one, &two), [0, 0]);
    assert_eq!((ids(&one), one.forks().unwrap().len()), (ids(&two), 1));
    assert_clean(&one);
    assert_clean(&two);
}

/// Damage is said, and nothing that is not covered goes out.
#[test]
fn a_store_with_a_row_that_is_gone_fails_here_and_accuses_nobody() {
    use level::{Batch, Durability, KeyRange, Level, Order, Read as _};
    let (one, level) = log_on_level(1);
    one.append_batch((0..600).map(|n| n.to_string())).unwrap();
    let entries = level.sub("entries").unwrap();
    let keys: Vec<_> =
        level.range(entries, KeyRange::all(), Order::Ascending).map(|row| row.unwrap().0).collect();
    for gone in [0, 255, 300, 599] {
        let copy = Memory::new();
        level::copy(&level, &copy).unwrap();
        let Ok(damaged) = Log::open(copy.clone(), identity(2)) else { panic!("it opens") };
        let mut batch = Batch::new();
        batch.del(copy.sub("entries").unwrap(), keys[gone].clone());
        copy.apply(batch, Durability::Synced).unwrap();
        let mut exchange = replicate::Replica::exchange(&damaged).unwrap();
        exchange.agree(&Wants::All, &Wants::All);
        exchange.plan().unwrap();
        let error = exchange.next_group().unwrap_err();
        assert!(matches!(error, replicate::ReplicaError::Local(_)), "{error:?}");
        assert!(error.to_string().contains("fsck"), "{error}");
    }
}
