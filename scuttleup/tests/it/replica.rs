//! What a log says in a session: what the peer lacks, all of it, in groups that it takes.

use replicate::{Exchange, Replica, Tip};
use scuttleup::{Log, LogExchange};

use crate::support::{assert_clean, ids, log};

/// Says to `to` what `from` has, and to `from` what of that is there: tips first, samples where they differ.
fn locate(from: &mut LogExchange, to: &mut LogExchange) {
    for (place, tip) in from.tips().to_vec().iter().enumerate() {
        if to.peer_named(&tip.point()).unwrap() {
            from.peer_has_tip(place);
            continue;
        }
    }
    let tips: Vec<Tip> = from.tips().to_vec();
    let mut writers: Vec<_> = tips.iter().map(|tip| tip.writer).collect();
    writers.dedup();
    for writer in writers {
        let mut samples = Vec::new();
        from.samples(&writer, &mut samples).unwrap();
        for point in samples {
            if to.peer_named(&point).unwrap() {
                assert!(from.peer_named(&point).unwrap(), "a sample is an entry");
            }
        }
    }
}

fn send(from: &mut LogExchange, to: &mut LogExchange) {
    let decode = to.decoder();
    while let Some(group) = from.next_group().unwrap() {
        let group = decode(group.bytes).unwrap();
        to.ingest(group).unwrap();
    }
}

fn sync(one: &Log, two: &Log) {
    let (mut a, mut b) = (one.exchange().unwrap(), two.exchange().unwrap());
    locate(&mut a, &mut b);
    locate(&mut b, &mut a);
    a.plan().unwrap();
    b.plan().unwrap();
    send(&mut a, &mut b);
    send(&mut b, &mut a);
    assert_eq!(a.settle(true).unwrap(), b.settle(true).unwrap());
}

#[test]
fn two_logs_that_are_apart_are_one_after_a_session() {
    let (one, two) = (log(1), log(2));
    one.append_batch((0..1_000).map(|n| n.to_string())).unwrap();
    two.append_batch((0..700).map(|n| n.to_string())).unwrap();
    sync(&one, &two);
    assert_eq!(ids(&one), ids(&two));
    one.append("more").unwrap();
    sync(&one, &two);
    assert_eq!(ids(&one), ids(&two));
    assert_clean(&one);
    assert_clean(&two);
}
