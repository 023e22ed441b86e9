//! Values that are not there: deleted here, or never received.

use std::sync::Arc;

use level::Memory;
use scuttleup::{Error, Event, Log, News, Read, Seq, Value};

use crate::support::{Forged, assert_clean, chain, export, group, identity, import, log, take, values};

/// SC-8
#[test]
fn a_deleted_value_is_not_found_and_its_entry_still_counts() {
    let log = log(1);
    log.append_batch(["1", "2", "3"]).unwrap();
    let me = log.writer();
    let before = log.entries(&me, Seq(2)).unwrap().remove(0);
    log.del(&me, Seq(2)).unwrap();
    assert!(matches!(log.entry(&me, Seq(2)), Err(Error::NotFound { .. })));
    assert!(matches!(log.del(&me, Seq(9)), Err(Error::NotFound { .. })));
    assert!(matches!(log.del(&identity(2).writer(), Seq(1)), Err(Error::NotFound { .. })));
    let after = log.entries(&me, Seq(2)).unwrap().remove(0);
    assert_eq!(
        (after.id(), after.header(), after.signature()),
        (before.id(), before.header(), before.signature())
    );
    assert_eq!(after.value(), &Value::Deleted);
    assert_eq!(values(&log), ["1", "-", "3"]);
    assert_eq!(log.append("4").unwrap().seq, Seq(4));
    let checked = log.fsck().unwrap();
    assert!(checked.is_clean() && (checked.deleted, checked.pending) == (1, 0), "{checked:?}");
    log.del(&me, Seq(2)).unwrap();
    assert!(log.del_by_id(&after.id()).unwrap());
    assert!(!log.del_by_id(&scuttleup::EntryId::from_bytes([1; 32])).unwrap());
    assert_clean(&log);
}

#[test]
fn a_value_that_was_deleted_there_is_pending_here_and_filled_in_later() {
    let one = log(1);
    one.append_batch(["1", "2", "3"]).unwrap();
    let full = export(&one);
    one.del(&one.writer(), Seq(2)).unwrap();
    let two = log(2);
    assert_eq!(import(&two, &export(&one)).stored, 3);
    assert_eq!(two.entries(&one.writer(), Seq(2)).unwrap()[0].value(), &Value::Pending);
    assert_eq!(two.pending().count(), 1);
    let checked = two.fsck().unwrap();
    assert!(checked.is_clean() && (checked.deleted, checked.pending) == (0, 1), "{checked:?}");
    // Relayed as it is; and another hollow one fills nothing.
    let three = log(3);
    import(&three, &export(&two));
    assert_eq!(import(&two, &export(&one)).filled, 0);
    assert_eq!(three.pending().count(), 1);

    let mut news = two.subscribe();
    let report = import(&two, &full);
    assert_eq!((report.stored, report.duplicates, report.filled), (0, 3, 1));
    let Some(News::Event(Event::Filled(entry))) = news.try_next() else { panic!("no event") };
    assert_eq!((entry.seq(), entry.value().bytes().unwrap().as_ref()), (Seq(2), b"2".as_slice()));
    assert_eq!(values(&two), ["1", "2", "3"]);
    assert!(two.pending().next().is_none());
    assert_clean(&two);
    assert_eq!(import(&two, &full).filled, 0);
}

#[test]
fn a_deleted_value_does_not_come_back() {
    let one = log(1);
    one.append_batch(["1", "2"]).unwrap();
    let full = export(&one);
    one.del(&one.writer(), Seq(1)).unwrap();
    assert_eq!(import(&one, &full).filled, 0);
    assert_eq!(values(&one), ["-", "2"]);
    // What had not come yet can be deleted, too, and then does not come.
    let two = log(2);
    import(&two, &export(&one));
    two.del(&one.writer(), Seq(1)).unwrap();
    assert!(two.pending().next().is_none());
    import(&two, &full);
    assert_eq!(values(&two), ["-", "2"]);
    assert_clean(&two);
}

#[test]
fn a_wrong_value_fills_nothing() {
    let log = log(9);
    let honest = Forged::first(1, "right").signed();
    take(&log, group(&[honest.clone().hollow()])).unwrap();
    let mut wrong = honest.clone();
    wrong.value = b"wrong".to_vec();
    // Its hash makes it another entry, with a signature that does not fit.
    assert!(take(&log, group(&[wrong])).is_err());
    assert_eq!(log.pending().count(), 1);
    assert_eq!(take(&log, group(&[honest])).unwrap().filled, 1);
    assert_eq!(values(&log), ["right"]);
}

#[test]
fn deleting_survives_reopening_and_is_no_lost_commit() {
    let level = Memory::new();
    let sidecar = Arc::new(scuttleup::MemorySidecar::default());
    let open = || Log::options().sidecar(sidecar.clone()).open(Arc::new(level.clone()), identity(1)).unwrap();
    let one = open();
    one.append_batch(["1", "2"]).unwrap();
    one.del(&one.writer(), Seq(1)).unwrap();
    drop(one);
    let one = open();
    assert_eq!(values(&one), ["-", "2"]);
    assert_eq!(one.opened().lost_commits, 0);
    take(&one, group(&chain(2, 1).into_iter().map(Forged::hollow).collect::<Vec<_>>())).unwrap();
    take(&one, group(&chain(2, 1))).unwrap();
    drop(one);
    assert_eq!(open().opened().lost_commits, 0, "nor is filling in");
}

#[test]
fn deleting_under_a_number_deletes_all_branches() {
    let log = log(9);
    let run = chain(1, 3);
    take(&log, group(&run)).unwrap();
    take(&log, group(&[run[0].next("fork").signed()])).unwrap();
    log.del(&run[0].writer, Seq(2)).unwrap();
    assert_eq!(values(&log), ["1", "-", "3", "-"]);
    assert!(matches!(log.entry(&run[0].writer, Seq(2)), Err(Error::NotFound { .. })));
    assert_eq!(log.read(Read::all()).count(), 4);
    assert_clean(&log);
}

/// Without their values, small entries of many writers take more bytes than they measure.
#[test]
fn a_log_of_many_hollow_entries_of_many_writers_can_be_exported_and_imported() {
    let log = log(9);
    let keys: Vec<[u8; 32]> =
        (0..7_000u64).map(|n| scuttleup::Header::hash_value(&n.to_le_bytes())).collect();
    let first = |seed: &[u8; 32]| {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let mut entry = Forged::first(1, "");
        entry.writer = scuttleup::WriterId::from_bytes(key.verifying_key().to_bytes()).unwrap();
        (key, entry)
    };
    let signed = |key: &ed25519_dalek::SigningKey, mut entry: Forged| {
        let message = [b"hyperlog/1 entry".as_slice(), entry.id().as_bytes()].concat();
        entry.signature = Some(ed25519_dalek::Signer::sign(key, &message).to_bytes());
        entry
    };
    let makers: Vec<_> = keys.iter().map(first).collect();
    let firsts: Vec<Forged> = makers.iter().map(|(key, entry)| signed(key, entry.clone())).collect();
    let seconds: Vec<Forged> =
        makers.iter().map(|(key, entry)| signed(key, entry.next("").hollow())).collect();
    for entries in firsts.chunks(1_000).chain(seconds.chunks(1_000)) {
        take(&log, group_of_many(entries)).unwrap();
    }
    let other = self::log(8);
    assert_eq!(import(&other, &export(&log)).stored, 14_000);
}

/// As `group`, for entries that are each of another writer; that one searches.
fn group_of_many(entries: &[Forged]) -> Vec<u8> {
    let mut out = Vec::new();
    crate::support::varint(&mut out, entries.len() as u64);
    entries.iter().for_each(|entry| out.extend(entry.writer.as_bytes()));
    for (place, entry) in entries.iter().enumerate() {
        let one = group(std::slice::from_ref(entry));
        crate::support::varint(&mut out, place as u64);
        // Table of one writer and its place are left out.
        out.extend(&one[34..]);
    }
    out
}
