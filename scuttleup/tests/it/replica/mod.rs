//! What a log says in a session: what the peer lacks, all of it, and in groups that it takes.

mod cuts;
mod declines;
pub(crate) mod face;
mod links;
mod live;
mod random;
mod values;

use level::Fjall;
use level::testing::{Failing, Operation};
use replicate::{Exchange, Point, Replica, ReplicaError, Wants};
use scuttleup::Log;

use crate::support::{Forged, assert_clean, chain, export, group, identity, ids, import, log, take};
use face::{Named, meet, send_all, sync};

fn apart(one: &Log, two: &Log) {
    one.append_batch((0..1_000).map(|n| n.to_string())).unwrap();
    two.append_batch((0..700).map(|n| n.to_string())).unwrap();
    assert_eq!(sync(one, two), [1_000, 700]);
    assert_eq!(ids(one), ids(two));
    one.append("more").unwrap();
    assert_eq!(sync(one, two), [1, 0]);
    assert_eq!(sync(one, two), [0, 0]);
    assert_eq!(ids(one), ids(two));
    assert_clean(one);
    assert_clean(two);
}

#[test]
fn two_logs_that_are_apart_are_one_after_a_session() {
    apart(&log(1), &log(2));
}

#[test]
fn two_logs_on_disk_that_are_apart_are_one_after_a_session() {
    let dir = tempfile::tempdir().unwrap();
    let open = |seed| {
        let level = Fjall::open(dir.path().join(format!("{seed}"))).unwrap();
        Log::open(level, identity(seed)).unwrap()
    };
    apart(&open(1), &open(2));
}

#[test]
fn a_session_says_what_the_log_is() {
    let one = log(1);
    one.append_batch(["1", "2"]).unwrap();
    take(&one, group(&chain(5, 3))).unwrap();
    let about = one.exchange().unwrap().about();
    assert_eq!((about.kind.as_str(), about.entries, about.writers), ("scuttleup", 5, 2));
    assert_eq!(about.discovery_key, one.topic().discovery_key());
}

#[test]
fn an_entry_is_known_by_its_writer_its_number_and_the_beginning_of_its_id() {
    let one = log(1);
    take(&one, group(&chain(5, 3))).unwrap();
    let mut exchange = one.exchange().unwrap();
    exchange.agree(&Wants::All, &Wants::All);
    let good = exchange.tips()[0].point();
    for wrong in [
        Point { seq: 2, ..good },
        Point { writer: *one.writer().as_bytes(), ..good },
        Point { prefix: [7; 16], ..good },
        Point { prefix: [255; 16], ..good },
    ] {
        assert!(!exchange.peer_named(&wrong).unwrap());
    }
    assert_eq!(exchange.plan().unwrap(), 3);
    assert!(exchange.peer_named(&good).unwrap());
    assert!(exchange.next_group().unwrap().is_none(), "also after the plan was made");
    assert_eq!(exchange.left_out(), 0);
}

#[test]
fn a_place_that_no_tip_has_is_no_tip() {
    let one = log(1);
    let mut exchange = one.exchange().unwrap();
    exchange.peer_has_tip(7);
    assert_eq!(exchange.plan().unwrap(), 0);
    assert!(exchange.next_group().unwrap().is_none());
    assert!(exchange.next_group().unwrap().is_none());
    assert!(exchange.next_live().unwrap().is_none());
}

#[test]
fn samples_of_a_writer_name_each_entry_once_and_no_tip_that_the_peer_has() {
    let one = log(1);
    let run = chain(5, 40);
    take(&one, group(&run)).unwrap();
    let fork = [run[20].next("fork"), run[20].next("fork").next("fork").signed()];
    take(&one, group(&fork)).unwrap();
    one.append("another writer").unwrap();
    let mut exchange = one.exchange().unwrap();
    let writer = *run[0].writer.as_bytes();
    let samples = |exchange: &scuttleup::LogExchange| {
        let mut samples = Vec::new();
        exchange.samples(&writer, &mut samples).unwrap();
        let mut seqs: Vec<u64> = samples.iter().map(|point| point.seq).collect();
        seqs.sort_unstable();
        seqs
    };
    // 40 and 23 are tips; on the way they share what lies up to 21.
    assert_eq!(samples(&exchange), [1, 7, 8, 15, 19, 21, 22, 24, 32, 36, 38, 39]);
    let place = exchange.tips().iter().position(|tip| tip.seq == 40).unwrap();
    exchange.peer_has_tip(place);
    assert_eq!(samples(&exchange), [1, 7, 15, 19, 21, 22]);
    let mut none = Vec::new();
    exchange.samples(&[9; 32], &mut none).unwrap();
    assert!(none.is_empty());
}

/// Two logs alike but for a few entries: what both have is not read again.
#[test]
fn what_the_peer_has_is_not_read_to_find_what_it_lacks() {
    let level = Failing::new(level::Memory::new());
    let one = Log::open(level.clone(), identity(1)).unwrap();
    one.append_batch((0..20_000).map(|n| n.to_string())).unwrap();
    let two = log(2);
    import(&two, &export(&one));
    take(&one, group(&chain(5, 3))).unwrap();
    one.append_batch((0..20_000).map(|n| n.to_string())).unwrap();
    sync(&one, &two);
    let (six, seven) = (chain(6, 4), chain(7, 2));
    take(&one, group(&six)).unwrap();
    one.append_batch((0..20_000).map(|n| n.to_string())).unwrap();
    take(&one, group(&seven)).unwrap();
    let [mut a, mut b] = meet(&one, &two, Named::Samples, [&Wants::All, &Wants::All]).unwrap();
    // The peer has got the long ones elsewhere.
    import(&two, &export(&one));
    let tip = a.exchange.tips().iter().find(|tip| tip.writer == *one.writer().as_bytes()).unwrap().point();
    assert!(a.exchange.peer_named(&tip).unwrap());
    let before = level.count(Operation::Read);
    let outgoing = a.exchange.next_group().unwrap().unwrap();
    let reads = level.count(Operation::Read) - before;
    assert_eq!(outgoing.entries, 6);
    assert!(reads < 400, "{reads} rows are read of 60,000");
    let group = b.group(outgoing.bytes).unwrap();
    assert_eq!(b.exchange.ingest(group).unwrap().duplicates, 6);
    assert!(a.exchange.next_group().unwrap().is_none());
}

#[test]
fn what_the_peer_sent_meanwhile_is_not_sent_back() {
    let (one, two) = (log(1), log(2));
    for log in [&one, &two] {
        take(log, group(&chain(5, 30))).unwrap();
    }
    let [mut a, mut b] = meet(&one, &two, Named::Nothing, [&Wants::All, &Wants::All]).unwrap();
    assert_eq!(send_all(&mut a, &mut b).unwrap(), 30);
    assert_eq!(send_all(&mut b, &mut a).unwrap(), 0);
}

/// Also not what was read already, and waited for the next group.
#[test]
fn what_comes_from_the_peer_before_its_turn_is_not_sent_back() {
    let (one, two) = (log(1), log(2));
    one.append(vec![1; 200_000]).unwrap();
    let first = Forged::first(5, "small");
    let mut large = first.next("");
    large.value = vec![2; 900_000];
    let run = [first, large.signed()];
    take(&one, group(&run)).unwrap();
    let [mut a, mut b] = meet(&one, &two, Named::Nothing, [&Wants::All, &Wants::All]).unwrap();
    let outgoing = a.exchange.next_group().unwrap().unwrap();
    assert_eq!(a.deliver(outgoing, &mut b).unwrap(), 1);
    take(&two, group(&run)).unwrap();
    assert_eq!(send_all(&mut b, &mut a).unwrap(), 0);
    assert_eq!(face::send_live(&mut b, &mut a).unwrap(), 2);
    assert_eq!(send_all(&mut a, &mut b).unwrap(), 0);
}

#[test]
fn what_a_peer_sends_again_is_counted_and_what_it_could_not_know_is_not() {
    let (one, two) = (log(1), log(2));
    take(&one, group(&chain(5, 30))).unwrap();
    take(&two, group(&chain(5, 30))).unwrap();
    let mut exchange = two.exchange().unwrap();
    exchange.agree(&Wants::All, &Wants::All);
    exchange.peer_has_tip(0);
    let decode = exchange.decoder();
    let mut ingest = |entries: &[Forged]| {
        let ingested = exchange.ingest(decode(group(entries).into()).unwrap()).unwrap();
        (ingested.stored, ingested.duplicates, ingested.repeated)
    };
    assert_eq!(ingest(&chain(5, 30)), (0, 30, 0), "it named the tip, and was not told that we have it");
    assert_eq!(ingest(&chain(5, 30)), (0, 30, 30));
    let last = Forged { signature: None, ..chain(5, 30)[29].clone() };
    assert_eq!(ingest(&[last.clone(), last.next("more").signed()]), (1, 1, 1));
}

#[test]
fn a_group_that_cannot_be_accepted_is_the_peers_fault() {
    let one = log(1);
    let mut exchange = one.exchange().unwrap();
    exchange.agree(&Wants::All, &Wants::All);
    let decode = exchange.decoder();
    assert!(matches!(decode("no group".into()), Err(ReplicaError::Peer(_))));
    let mut uncovered = chain(5, 3);
    uncovered[2].signature = None;
    assert!(matches!(decode(group(&uncovered).into()), Err(ReplicaError::Peer(_))));
    let mut forged = chain(5, 3);
    forged[2].signature = Some([1; 64]);
    let gap = chain(5, 3).split_off(1);
    for wrong in [forged, gap] {
        let group = decode(group(&wrong).into()).unwrap();
        assert!(matches!(exchange.ingest(group), Err(ReplicaError::Peer(_))));
    }
    assert_eq!(one.last().0, 0);
}
