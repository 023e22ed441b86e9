//! What a peer may send, and everything it may not: each refusal made of an honest group by changing one thing.

use std::sync::Arc;

use level::Memory;
use scuttleup::{GroupError, Identity, Limits, Log, Plain, Topic, UNIT_BYTES, VALUE_BYTES_MAX};

use crate::support::{
    Forged, assert_clean, chain, decode, dump, group, identity, log, log_on_level, sign, take, values,
    varint, verify,
};

/// Sends bytes to a log that has entries, and shows that it stays as it is, down to the last byte.
#[track_caller]
fn refused(bytes: Vec<u8>) -> GroupError {
    let (log, level) = log_on_level(9);
    log.append("mine").unwrap();
    take(&log, group(&chain(8, 2))).unwrap();
    let before = dump(&level);
    let error = take(&log, bytes).map(drop).unwrap_err();
    assert_eq!(dump(&level), before, "something was stored, although: {error}");
    assert_clean(&log);
    error
}

/// The control of all tests here: unchanged, the group is stored.
#[test]
fn an_honest_group_is_stored_once() {
    let (log, level) = log_on_level(9);
    let bytes = group(&chain(1, 3));
    let ingested = take(&log, bytes.clone()).unwrap();
    assert_eq!((ingested.stored.len(), ingested.duplicates), (3, 0));
    assert_eq!(values(&log), ["1", "2", "3"]);
    let before = dump(&level);
    let again = take(&log, bytes).unwrap();
    assert_eq!((again.stored.len(), again.duplicates), (0, 3));
    assert_eq!(dump(&level), before);
    assert_clean(&log);
}

#[test]
fn a_forged_signature_never_reaches_the_store() {
    let mut entries = chain(1, 3);
    entries[2].signature.as_mut().unwrap()[5] ^= 1;
    assert!(matches!(refused(group(&entries)), GroupError::BadSignature { .. }));
    // Somebody else's, over the right id; and the right writer's, over another id.
    entries[2].signature = Some(sign(2, &entries[2].id()));
    assert!(matches!(refused(group(&entries)), GroupError::BadSignature { .. }));
    entries[2].signature = Some(sign(1, &entries[1].id()));
    assert!(matches!(refused(group(&entries)), GroupError::BadSignature { .. }));
}

#[test]
fn a_changed_value_never_reaches_the_store() {
    let mut entries = chain(1, 3);
    entries[1].value = b"other".to_vec();
    let second = entries[1].id();
    entries[2].prev = Some(second);
    assert!(matches!(refused(group(&entries)), GroupError::BadSignature { .. }));
    // In the bytes alone, without the link being made to fit.
    let mut bytes = group(&chain(1, 3));
    let at = bytes.len() - 65;
    assert_eq!(bytes[at], b'3');
    bytes[at] = b'4';
    assert!(matches!(refused(bytes), GroupError::BadSignature { .. }));
}

#[test]
fn an_entry_that_no_signature_covers_is_refused() {
    let mut entries = chain(1, 3);
    entries[2].signature = None;
    assert!(matches!(refused(group(&entries)), GroupError::Uncovered { id } if id == entries[2].id()));
    // One branch is covered, the other is not.
    let mut entries = chain(1, 3);
    let fork = entries[0].next("fork");
    entries.push(fork.clone());
    assert!(matches!(refused(group(&entries)), GroupError::Uncovered { id } if id == fork.id()));
}

#[test]
fn a_signature_that_nothing_needs_is_refused() {
    let mut entries = chain(1, 3);
    entries[0] = entries[0].clone().signed();
    assert!(
        matches!(refused(group(&entries)), GroupError::NeedlessSignature { id } if id == entries[0].id())
    );
}

/// SC-14
#[test]
fn a_gap_is_refused() {
    let entries = chain(1, 3);
    assert!(matches!(
        refused(group(&entries[1..])),
        GroupError::UnknownPrevious { id, prev } if id == entries[1].id() && prev == entries[0].id()
    ));
    let mut nowhere = entries[2].clone();
    nowhere.prev = Some(scuttleup::EntryId::from_bytes([0; 32]));
    assert!(matches!(refused(group(&[nowhere.signed()])), GroupError::UnknownPrevious { .. }));
}

#[test]
fn entries_in_the_wrong_order_are_refused() {
    let entries = chain(1, 2);
    let turned = [entries[1].clone(), entries[0].clone()];
    assert!(matches!(refused(group(&turned)), GroupError::UnknownPrevious { .. }));
}

#[test]
fn an_entry_that_continues_another_writer_is_refused() {
    // The previous entry is stored, and is writer 8's.
    let theirs = chain(8, 2);
    let mut stolen = theirs[1].next("stolen");
    (stolen.seed, stolen.writer) = (1, identity(1).writer());
    assert!(matches!(refused(group(&[stolen.signed()])), GroupError::BrokenChain { .. }));
    // The previous entry stands in the group, not just before.
    let mut entries = chain(1, 1);
    entries.extend(chain(2, 1));
    let mut stolen = entries[0].next("stolen");
    (stolen.seed, stolen.writer) = (2, identity(2).writer());
    entries[0].signature = None;
    entries.push(stolen.signed());
    assert!(matches!(refused(group(&entries)), GroupError::BrokenChain { .. }));
}

#[test]
fn an_entry_whose_number_does_not_follow_is_refused() {
    for seq in [2, 4, u64::MAX - 1] {
        let mut skipping = chain(8, 2)[1].next("skipping");
        skipping.seq = seq;
        assert!(matches!(refused(group(&[skipping.signed()])), GroupError::BrokenChain { .. }), "{seq}");
    }
    let mut last = chain(8, 2)[1].next("the largest number");
    last.seq = u64::MAX;
    let mut bytes = group(&chain(8, 2)[1..]);
    assert!(verify(&log(1), bytes.split_off(0)).is_err());
    assert!(matches!(refused(group(&[last])), GroupError::Malformed(_)));
}

#[test]
fn a_group_that_is_cut_anywhere_is_refused() {
    let mut entries = chain(1, 3);
    entries.extend(chain(2, 2));
    let bytes = group(&entries);
    for cut in 0..bytes.len() {
        match decode(bytes[..cut].to_vec()).map(drop).unwrap_err() {
            GroupError::Malformed(_) | GroupError::Empty | GroupError::Uncovered { .. } => {}
            other => panic!("cut at {cut}: {other}"),
        }
    }
    refused(bytes[..bytes.len() - 1].to_vec());
}

#[test]
fn a_group_that_holds_an_entry_twice_is_refused() {
    let one = chain(1, 1).remove(0);
    assert!(matches!(refused(group(&[one.clone(), one])), GroupError::Repeated));
}

#[test]
fn a_group_without_entries_is_refused() {
    assert!(matches!(refused(vec![0]), GroupError::Empty));
    assert!(matches!(refused(Vec::new()), GroupError::Malformed(_)));
}

#[test]
fn a_group_of_one_byte_more_than_a_unit_is_refused() {
    // A header without ext takes 143 bytes, so these measure a unit and one byte.
    let fits = |last: usize| {
        let first = Forged::first(1, &"x".repeat(VALUE_BYTES_MAX));
        let second = first.next(&"y".repeat(last)).signed();
        group(&[first, second])
    };
    let room = UNIT_BYTES - VALUE_BYTES_MAX - 2 * 143;
    assert_eq!(take(&log(2), fits(room)).unwrap().stored.len(), 2);
    assert!(matches!(refused(fits(room + 1)), GroupError::TooLarge { size } if size == UNIT_BYTES + 1));
    // Values that are not there count as well.
    let first = Forged::first(1, &"x".repeat(VALUE_BYTES_MAX)).hollow();
    let second = first.next(&"y".repeat(room + 1)).hollow().signed();
    assert!(matches!(refused(group(&[first, second])), GroupError::TooLarge { .. }));
}

#[test]
fn an_entry_of_another_topic_is_refused() {
    let topic = Topic::from_bytes([5; 32]);
    let mut entry = Forged::first(1, "x");
    entry.topic = topic;
    let bytes = group(&[entry.signed()]);
    // The topic is not sent, it is part of the id: taken for ours, the signature does not fit.
    assert!(matches!(refused(bytes.clone()), GroupError::BadSignature { .. }));
    let decoded = scuttleup::Group::decode(bytes.clone().into(), topic, &Plain).unwrap();
    assert!(matches!(log(2).verify(decoded), Err(GroupError::OtherTopic)));
    let log = Log::options().topic(topic).open(Arc::new(Memory::new()), identity(2)).unwrap();
    let decoded = scuttleup::Group::decode(bytes.into(), topic, &Plain).unwrap();
    assert_eq!(log.ingest(log.verify(decoded).unwrap()).unwrap().stored.len(), 1);
}

#[test]
fn a_group_is_stored_only_where_it_was_verified() {
    let (one, (two, level)) = (log(1), log_on_level(2));
    let before = dump(&level);
    let verified = verify(&one, group(&chain(3, 1))).unwrap();
    assert!(matches!(two.ingest(verified), Err(GroupError::OtherLog)));
    assert_eq!(dump(&level), before);
}

#[test]
fn counts_and_lengths_that_promise_too_much_are_refused() {
    let honest = group(&chain(1, 1));
    assert_eq!(honest[..1], [1]);
    let after_table = 33;
    assert_eq!(honest[after_table..after_table + 5], [0, 1, 1, 1, 1], "writer, seq, count, flags, length");
    let with = |at: usize, number: u64| {
        let mut bytes = honest[..at].to_vec();
        varint(&mut bytes, number);
        bytes.extend(&honest[at + 1..]);
        bytes
    };
    for huge in [2, 3, 1 << 20, 1 << 32, u64::MAX] {
        for (at, what) in [(0, "writers"), (33, "writer"), (35, "count"), (37, "length")] {
            let error = refused(with(at, huge));
            assert!(matches!(error, GroupError::Malformed(_)), "{what} {huge}: {error}");
        }
    }
    assert!(matches!(refused(with(34, 0)), GroupError::Malformed(_)), "seq 0");
    assert!(matches!(refused(with(35, 0)), GroupError::Malformed(_)), "no entries in a stretch");
    assert!(matches!(refused(with(36, 5)), GroupError::Malformed(_)), "unknown flags");
    let too_long = Forged::first(1, &"x".repeat(VALUE_BYTES_MAX + 1));
    assert!(matches!(refused(group(&[too_long.signed()])), GroupError::Malformed(_)));
}

#[test]
fn numbers_that_are_longer_than_they_need_are_refused() {
    let honest = group(&chain(1, 1));
    for at in [0, 33, 34, 35, 37] {
        let mut bytes = honest.clone();
        bytes[at] |= 0x80;
        bytes.insert(at + 1, 0);
        assert!(matches!(refused(bytes), GroupError::Malformed(_)), "at {at}");
    }
    let eleven = [vec![0xff; 10], vec![1]].concat();
    assert!(matches!(refused(eleven), GroupError::Malformed(_)));
}

#[test]
fn a_distance_out_of_the_group_and_trailing_bytes_are_refused() {
    let mut entries = chain(1, 3);
    entries.push(entries[0].next("fork").signed());
    let bytes = group(&entries);
    let at = bytes.len() - (2 + 4 + 64) - 4;
    assert_eq!(bytes[at..at + 4], [0, 2, 3, 1], "writer, seq, three back, one entry");
    for distance in [1, 4, 100] {
        let mut bytes = bytes.clone();
        bytes[at + 2] = distance;
        assert!(matches!(refused(bytes), GroupError::Malformed(_)), "{distance}");
    }
    let mut more = bytes;
    more.push(0);
    assert!(matches!(refused(more), GroupError::Malformed(_)));
}

/// The same entries, written longer than they need be: a stretch that is cut, an id in full.
#[test]
fn a_group_has_one_encoding() {
    let mut entries = chain(1, 3);
    entries.push(entries[0].next("fork").signed());
    let honest = group(&entries);
    assert!(decode(honest.clone()).is_ok());
    let at = honest.len() - (2 + 4 + 64) - 2;
    assert_eq!(honest[at], 3, "three back");
    let in_full = [&honest[..at], &[0], entries[0].id().as_bytes(), &honest[at + 1..]].concat();
    assert!(matches!(refused(in_full), GroupError::Malformed(_)));
    // The first stretch holds three entries, of three bytes each before the signature.
    assert_eq!(honest[33..39], [0, 1, 3, 0, 1, b'1']);
    let cut = [&honest[..35], &[1, 0, 1, b'1', 0, 2, 1, 2], &honest[39..]].concat();
    assert!(matches!(refused(cut), GroupError::Malformed(_)));
}

#[test]
fn a_table_with_weak_repeated_or_idle_writers_is_refused() {
    let honest = group(&chain(1, 1));
    let mut weak = honest.clone();
    weak[1..33].fill(0);
    assert!(matches!(refused(weak), GroupError::Malformed(_)));
    for extra in [identity(1).writer(), identity(2).writer()] {
        let bytes = [&[2], &honest[1..33], extra.as_bytes(), &honest[33..]].concat();
        assert!(matches!(refused(bytes), GroupError::Malformed(_)));
    }
    let bytes =
        [[2].as_slice(), identity(2).writer().as_bytes(), &honest[1..33], &[1], &honest[34..]].concat();
    assert!(matches!(refused(bytes), GroupError::Malformed(_)));
}

#[test]
fn one_branch_more_than_the_limit_is_refused_and_nothing_of_its_group_is_stored() {
    let mut limits = Limits::default();
    limits.branches_max = 3;
    let level = Memory::new();
    let log = Log::options().limits(limits).open(Arc::new(level.clone()), identity(9)).unwrap();
    take(&log, group(&chain(1, 2))).unwrap();
    take(&log, group(&chain(2, 1))).unwrap();
    take(&log, group(&chain(3, 1))).unwrap();
    let before = dump(&level);
    let fork = chain(1, 2)[0].next("fork").signed();
    for more in [group(&chain(4, 1)), group(&[fork])] {
        assert!(matches!(take(&log, more), Err(GroupError::TooManyBranches { max: 3 })));
    }
    assert_eq!(dump(&level), before);
    // What continues a branch is none more.
    let longer = chain(1, 2)[1].next("3").signed();
    assert_eq!(take(&log, group(&[longer])).unwrap().stored.len(), 1);
    assert_clean(&log);
}

#[test]
fn who_forks_keeps_no_newcomer_out() {
    let mut limits = Limits::default();
    limits.branches_max = 6;
    let log = Log::options().limits(limits).open(Arc::new(Memory::new()), identity(9)).unwrap();
    take(&log, group(&chain(1, 2))).unwrap();
    let fork = |n: u8| group(&[chain(1, 2)[0].next(&format!("fork {n}")).signed()]);
    for n in 0..3 {
        take(&log, fork(n)).unwrap();
    }
    assert!(matches!(take(&log, fork(3)), Err(GroupError::TooManyForks { max: 3 })));
    for n in 2..4 {
        take(&log, group(&chain(n, 1))).unwrap();
    }
    assert!(matches!(take(&log, group(&chain(4, 1))), Err(GroupError::TooManyBranches { max: 6 })));
    assert_clean(&log);
}

/// Two sessions bring the same thing, and one is verified before the other is stored.
#[test]
fn a_group_that_was_overtaken_is_stored_in_part() {
    let log = log(9);
    let entries = chain(1, 3);
    let late = verify(&log, group(&entries)).unwrap();
    let mut early = entries[..2].to_vec();
    early[1] = early[1].clone().signed();
    take(&log, group(&early)).unwrap();
    let ingested = log.ingest(late).unwrap();
    assert_eq!((ingested.stored.len(), ingested.duplicates), (1, 2));
    assert_eq!(values(&log), ["1", "2", "3"]);
    assert_clean(&log);
}

/// Every fork is found by a lookup: a group of nothing but forks is no slower, by much, than a straight one.
#[test]
fn a_group_of_thousands_of_forks_is_stored_like_any_other() {
    let log = log(9);
    let mut entries: Vec<Forged> = chain(1, 1500);
    let forks: Vec<Forged> = entries[..1000].iter().map(|entry| entry.next("fork").signed()).collect();
    entries.extend(forks);
    let ingested = take(&log, group(&entries)).unwrap();
    assert_eq!((ingested.stored.len(), ingested.forks.len()), (2500, 1000));
    assert_eq!(log.forks().unwrap().len(), 1000);
    assert_clean(&log);
}

#[test]
fn printing_shows_no_contents() {
    let secret = "c0ffee-secret-value";
    let shown = |shown: String| {
        let bytes = format!("{:?}", secret.as_bytes());
        assert!(!shown.contains("c0ffee") && !shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
        let key = format!("{:?}", [1u8; 32]);
        assert!(
            !shown.contains(key.trim_matches(['[', ']'])) && !shown.contains(&"01".repeat(32)),
            "{shown}"
        );
    };
    let level = Memory::new();
    let identity = Identity::from_seed(&[1; 32]);
    let log = Log::open(level, identity.clone()).unwrap();
    let mut news = log.subscribe();
    let appended = log.append(secret).unwrap();
    shown(format!("{identity:?} {log:?} {appended:?} {:?} {:?}", news.try_next(), log.opened()));
    shown(format!("{:?} {:?}", log.read(scuttleup::Read::all()), log.at(appended.change)));
    shown(format!(
        "{:?} {:?} {:?}",
        log.get(&appended.id),
        log.entries(&log.writer(), appended.seq),
        log.tips()
    ));
    let mut reader = log.read(scuttleup::Read::all());
    let entry = reader.try_next().unwrap().unwrap();
    shown(format!("{reader:?} {:?} {:?}", entry.value(), entry.header()));
    let bytes = group(&[Forged::first(3, secret).signed()]);
    let other = self::log(2);
    let decoded = decode(bytes.clone()).unwrap();
    shown(format!("{decoded:?}"));
    let verified = other.verify(decoded).unwrap();
    shown(format!("{verified:?}"));
    shown(format!("{:?}", other.ingest(verified).unwrap()));
    shown(format!("{:?}", scuttleup::Input::new(bytes.into())));
    shown(format!("{:?} {:?}", Log::options(), Topic::from_bytes([1; 32])));
    log.transaction::<_, scuttleup::Error>(None, |transaction| {
        transaction.append(bytes::Bytes::new(), secret.into())?;
        shown(format!("{transaction:?}"));
        Ok(())
    })
    .unwrap();
}
