//! Values that did not come with their entries.

use bytes::Bytes;
use replicate::{Exchange, Key, Replica, ReplicaError, Wants};
use scuttleup::{EntryId, Event, FillError, Log, LogExchange, News, Seq, Value};

use super::face::{Named, meet, sync};
use crate::support::{assert_clean, export, identity, import, log, values};

/// One log with ten values, and one that got the entries from somebody who had deleted four of them.
fn full_and_hollow() -> (Log, Log) {
    let (full, relay, hollow) = (log(1), log(2), log(3));
    full.append_batch((1..=10).map(|n| n.to_string())).unwrap();
    import(&relay, &export(&full));
    for seq in [2, 3, 7, 10] {
        relay.del(&full.writer(), Seq(seq)).unwrap();
    }
    import(&hollow, &export(&relay));
    assert_eq!(hollow.pending().count(), 4);
    (full, hollow)
}

fn begin(log: &Log) -> LogExchange {
    let mut exchange = log.exchange().unwrap();
    exchange.agree(&Wants::All, &Wants::All);
    exchange
}

#[test]
fn what_is_missing_is_asked_for_once_and_filled_in() {
    let (full, hollow) = full_and_hollow();
    let (mut asks, answers) = (begin(&hollow), begin(&full));
    let mut filled = 0;
    let mut events = hollow.subscribe();
    loop {
        let wanted = asks.wanted_values(3).unwrap();
        if wanted.is_empty() {
            break;
        }
        for id in wanted {
            let value = answers.value(&id).unwrap().unwrap();
            assert!(asks.fill(&id, value.clone()).unwrap());
            assert!(!asks.fill(&id, value).unwrap(), "it is here now");
            filled += 1;
            let Some(News::Event(Event::Filled(entry))) = events.try_next() else { panic!("no event") };
            assert_eq!(*entry.id().as_bytes(), id);
        }
    }
    assert_eq!((filled, hollow.pending().count()), (4, 0));
    assert!(asks.wanted_values(9).unwrap().is_empty());
    assert_eq!(values(&hollow), values(&full));
    assert_clean(&hollow);
}

#[test]
fn what_was_asked_for_in_vain_is_not_asked_again_and_what_comes_later_is() {
    let (full, hollow) = full_and_hollow();
    let mut asks = begin(&hollow);
    assert_eq!(asks.wanted_values(9).unwrap().len(), 4);
    assert!(asks.wanted_values(9).unwrap().is_empty());
    full.append("11").unwrap();
    full.del(&full.writer(), Seq(11)).unwrap();
    import(&hollow, &export(&full));
    let wanted = asks.wanted_values(9).unwrap();
    assert_eq!(wanted.len(), 1);
    assert_eq!(begin(&full).value(&wanted[0]).unwrap(), None, "it is nowhere");
    assert_eq!(begin(&hollow).wanted_values(9).unwrap(), wanted, "the next session asks again");
}

#[test]
fn values_of_declined_writers_are_not_asked_for() {
    let (full, hollow) = full_and_hollow();
    let mut asks = hollow.exchange().unwrap();
    let writer: Key = *full.writer().as_bytes();
    asks.agree(&Wants::Without([writer].into()), &Wants::All);
    assert!(asks.wanted_values(9).unwrap().is_empty());
}

#[test]
fn a_wrong_value_is_the_peers_fault_and_fills_nothing() {
    let (full, hollow) = full_and_hollow();
    let mut asks = begin(&hollow);
    let id = asks.wanted_values(1).unwrap()[0];
    for wrong in ["3", "", "22"] {
        assert!(matches!(asks.fill(&id, wrong.into()), Err(ReplicaError::Peer(_))));
    }
    assert!(matches!(asks.fill(&[1; 32], "2".into()), Err(ReplicaError::Peer(_))), "no such entry");
    let entry = EntryId::from_bytes(id);
    assert!(matches!(hollow.fill(&entry, "3"), Err(FillError::OtherValue { .. })));
    assert!(matches!(hollow.fill(&EntryId::from_bytes([1; 32]), "3"), Err(FillError::Unknown { .. })));
    assert_eq!(hollow.pending().count(), 4);
    assert!(hollow.fill(&entry, "2").unwrap());
    assert_eq!(full.get(&entry).unwrap().unwrap().value(), &Value::Here("2".into()));
}

#[test]
fn what_was_deleted_here_stays_deleted() {
    let (full, hollow) = full_and_hollow();
    let mut asks = begin(&hollow);
    let wanted = asks.wanted_values(9).unwrap();
    let id = EntryId::from_bytes(wanted[0]);
    hollow.del_by_id(&id).unwrap();
    assert!(!asks.fill(&wanted[0], "2".into()).unwrap());
    assert_eq!(hollow.get(&id).unwrap().unwrap().value(), &Value::Deleted);
    assert_eq!(begin(&hollow).wanted_values(9).unwrap().len(), 3);
    assert_eq!(begin(&hollow).value(&wanted[0]).unwrap(), None);
    full.del_by_id(&id).unwrap();
    assert_eq!(sync(&full, &hollow), [0, 0]);
}

/// Own entries that are not durable stay hidden, and a value that is filled in between survives.
#[test]
fn filling_in_shows_nothing_that_is_not_durable() {
    let (full, _) = full_and_hollow();
    let relay = log(7);
    import(&relay, &export(&full));
    relay.del(&full.writer(), Seq(1)).unwrap();
    let level = level::Memory::new();
    let options = Log::options().durability(level::Durability::Buffered);
    let hollow = options.open(std::sync::Arc::new(level.clone()), identity(3)).unwrap();
    import(&hollow, &export(&relay));
    let visible = hollow.visible();
    hollow.append("own").unwrap();
    let mut asks = begin(&hollow);
    assert_eq!(hollow.visible().0, visible.0 + 1, "a session begins durable");
    hollow.append("own again").unwrap();
    let id = asks.wanted_values(1).unwrap()[0];
    assert!(asks.fill(&id, Bytes::from_static(b"1")).unwrap());
    assert_eq!(hollow.visible().0, visible.0 + 1);
    hollow.flush().unwrap();
    assert_eq!(hollow.visible(), hollow.last());
    drop((hollow, asks));
    let again = Log::open(level, identity(3)).unwrap();
    assert_eq!(again.pending().count(), 0);
    assert_clean(&again);
}

#[test]
fn a_value_that_comes_with_its_entry_counts_as_filled() {
    let (full, hollow) = full_and_hollow();
    // The two do not know of each other what they have, so everything goes again.
    let [mut a, mut b] = meet(&full, &hollow, Named::Nothing, [&Wants::All, &Wants::All]).unwrap();
    let outgoing = a.exchange.next_group().unwrap().unwrap();
    let group = b.group(outgoing.bytes).unwrap();
    let ingested = b.exchange.ingest(group).unwrap();
    assert_eq!((ingested.stored, ingested.duplicates, ingested.filled), (0, 10, 4));
    assert_eq!(values(&hollow), values(&full));
}
