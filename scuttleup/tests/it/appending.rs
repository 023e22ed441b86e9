//! Own entries: numbers, events, batches, and what is left when a write fails.

use std::sync::Arc;

use level::testing::{Failing, Operation};
use level::{Level, Memory};
use scuttleup::{
    Change, Durability, Entry, Error, Event, Limits, Log, News, Read, Seq, UNIT_BYTES, VALUE_BYTES_MAX,
};

use crate::support::{assert_clean, block_on, dump, export, identity, import, log, values};

/// SC-15, SC-10
#[test]
fn two_appends_get_one_and_two() {
    let log = log(1);
    let one = log.append("hello world").unwrap();
    let two = log.append("hello world").unwrap();
    assert_eq!((one.writer, one.seq, one.change), (log.writer(), Seq(1), Change(1)));
    assert_eq!((two.writer, two.seq, two.change), (log.writer(), Seq(2), Change(2)));
    assert_ne!(one.id, two.id);
    assert_eq!(log.last(), Change(2));
}

/// SC-7
#[test]
fn an_entry_is_found_by_writer_and_number_and_is_announced() {
    let log = log(1);
    let mut news = log.subscribe();
    log.append("one").unwrap();
    assert_eq!(log.entry(&log.writer(), Seq(1)).unwrap(), "one");
    for (writer, seq) in [(log.writer(), Seq(0)), (log.writer(), Seq(2)), (identity(2).writer(), Seq(1))] {
        assert!(matches!(log.entry(&writer, seq), Err(Error::NotFound { .. })));
    }
    let Some(News::Event(Event::Stored(entry))) = news.try_next() else { panic!("no event") };
    assert_eq!((entry.writer(), entry.seq()), (log.writer(), Seq(1)));
    assert_eq!(entry.value().bytes().unwrap(), "one");
    assert!(news.try_next().is_none());
}

#[test]
fn a_subscriber_that_is_too_slow_is_told_how_much_it_missed() {
    let mut limits = Limits::default();
    limits.events_max = 4;
    let log = Log::options().limits(limits).open(Arc::new(Memory::new()), identity(1)).unwrap();
    let mut news = log.subscribe();
    for n in 0..10 {
        log.append(format!("{n}")).unwrap();
    }
    assert!(matches!(news.try_next(), Some(News::Missed(6))));
    assert!(
        matches!(block_on(news.recv()), Some(News::Event(Event::Stored(entry))) if entry.seq() == Seq(7))
    );
    drop(log);
    assert_eq!(news.by_ref().count(), 3);
    assert!(block_on(news.recv()).is_none());
}

fn entries(log: &Log) -> Vec<Entry> {
    log.read(Read::all()).map(Result::unwrap).collect()
}

/// Every group is at most a unit, ends in a signature for each branch, and has at most 256 entries of ours.
fn check_groups(log: &Log) -> usize {
    let (mut size, mut count, mut groups) = (0, 0, 0);
    let mut last = None;
    for entry in entries(log) {
        size += entry.header().size();
        count += 1;
        assert_eq!(entry.signature().is_some(), entry.ends_group(), "entry {}", entry.change());
        if entry.ends_group() {
            assert!(size <= UNIT_BYTES && count <= 256, "{size} bytes, {count} entries");
            (size, count, groups) = (0, 0, groups + 1);
        }
        last = Some(entry);
    }
    assert!(last.is_none_or(|entry| entry.ends_group()), "the tip is signed");
    assert_clean(log);
    groups
}

#[test]
fn a_batch_of_many_entries_is_one_commit_and_several_groups() {
    let level = Failing::new(Memory::new());
    let log = Log::open(level.clone(), identity(1)).unwrap();
    let before = level.count(Operation::Apply);
    let appended = log.append_batch((0..1000).map(|n| format!("{n}"))).unwrap();
    // One for the batch, one for the sync.
    assert_eq!(level.count(Operation::Apply) - before, 2);
    assert_eq!(appended.last().unwrap().seq, Seq(1000));
    assert_eq!(check_groups(&log), 4);
}

#[test]
fn a_batch_of_many_bytes_is_one_commit_and_several_groups() {
    let log = log(1);
    let large = vec![7; VALUE_BYTES_MAX / 2];
    log.append_batch([large.clone(), large.clone(), large.clone()]).unwrap();
    assert_eq!(check_groups(&log), 2);
    log.append(vec![7; VALUE_BYTES_MAX]).unwrap();
    assert!(matches!(log.append(vec![7; VALUE_BYTES_MAX + 1]), Err(Error::TooLarge { .. })));
    assert_eq!(check_groups(&log), 3);
    let other = self::log(2);
    import(&other, &export(&log));
    assert_eq!(check_groups(&other), 3);
}

#[test]
fn an_empty_batch_and_an_empty_value_are_fine() {
    let log = log(1);
    assert!(log.append_batch(Vec::<&str>::new()).unwrap().is_empty());
    assert_eq!(log.last(), Change(0));
    log.append("").unwrap();
    assert_eq!(log.entry(&log.writer(), Seq(1)).unwrap(), "");
    assert_clean(&log);
}

#[test]
fn a_transaction_that_returns_an_error_or_panics_stores_nothing() {
    let log = log(1);
    log.append("kept").unwrap();
    let refused = log.transaction(None, |transaction| {
        transaction.append("".into(), "lost".into())?;
        Err::<(), _>(Error::Poisoned)
    });
    assert!(matches!(refused, Err(Error::Poisoned)));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        log.transaction::<(), Error>(None, |transaction| {
            transaction.append("".into(), "lost".into())?;
            panic!("on purpose")
        })
    }));
    assert!(panicked.is_err());
    // An ext is for the layer above, and a plain log has none.
    let refused =
        log.transaction::<_, Error>(None, |transaction| transaction.append("x".into(), "lost".into()));
    assert!(matches!(refused, Err(Error::Refused(_))));
    assert_eq!(log.append("next").unwrap().seq, Seq(2));
    assert_eq!(values(&log), ["kept", "next"]);
    assert_clean(&log);
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all_wherever_the_level_fails() {
    let mut failures = 0;
    for operation in [Operation::Apply, Operation::Read] {
        for n in 0..8 {
            let level = Failing::new(Memory::new());
            let log = Log::open(level.clone(), identity(1)).unwrap();
            log.append("first").unwrap();
            level.fail_once(operation, n);
            let result = log.append_batch((0..600).map(|n| format!("{n}")));
            let failed = result.is_err();
            failures += usize::from(failed);
            if failed {
                assert!(matches!(log.append("more"), Err(Error::Poisoned)), "{operation:?} {n}");
                assert!(matches!(log.append_batch(["more"]), Err(Error::Poisoned)));
            }
            level.heal();
            drop(log);
            let log = Log::open(level.clone(), identity(1)).unwrap();
            assert!([1, 601].contains(&log.last().0), "{operation:?} {n}: {} entries", log.last());
            let next = log.append("after").unwrap();
            assert_eq!(next.seq.0, next.change.0, "{operation:?} {n}: numbers go on without a gap");
            assert_eq!(check_groups(&log), if next.seq.0 == 2 { 2 } else { 5 });
        }
    }
    assert!(failures >= 2, "only {failures} of the failures hit");
}

#[test]
fn a_poisoned_log_can_still_be_read_and_says_so_when_it_is_written() {
    let level = Failing::new(Memory::new());
    let log = Log::open(level.clone(), identity(1)).unwrap();
    log.append("first").unwrap();
    let one_more = export(&{
        let other = self::log(2);
        other.append("other").unwrap();
        other
    });
    level.fail_once(Operation::Apply, 0);
    assert!(matches!(log.append("lost"), Err(Error::Level(_))));
    let before = dump(&level);
    assert!(matches!(log.append("second"), Err(Error::Poisoned)));
    assert!(matches!(log.del(&log.writer(), Seq(1)), Err(Error::Poisoned)));
    assert!(log.import(one_more.as_slice()).is_err());
    assert_eq!(log.entry(&log.writer(), Seq(1)).unwrap(), "first");
    assert_eq!(dump(&level), before);
}

/// The layer above takes part in a commit, and may be wrong.
struct Panics;

impl scuttleup::Extension for Panics {
    fn kind(&self) -> &'static str {
        "scuttleup"
    }
    fn admit(
        &self,
        _: &scuttleup::Candidate<'_>,
        _: &scuttleup::Known<'_>,
    ) -> Result<(), scuttleup::AdmitError> {
        Ok(())
    }
    fn store(&self, entries: &[Entry], _: &mut scuttleup::Rows<'_>) -> Result<(), Error> {
        assert!(entries.iter().all(|entry| entry.value().bytes().unwrap() != "panic"), "on purpose");
        Ok(())
    }
    fn pack(&self, _: &[u8], _: &scuttleup::Near<'_>, _: &mut Vec<u8>) {}
    fn unpack(
        &self,
        _: &mut scuttleup::Input,
        _: &scuttleup::Near<'_>,
    ) -> Result<bytes::Bytes, scuttleup::Malformed> {
        Ok(bytes::Bytes::new())
    }
}

#[test]
fn no_entry_follows_one_that_a_panic_kept_from_being_stored() {
    let level = Memory::new();
    let log = Log::options().extension(Arc::new(Panics)).open(Arc::new(level.clone()), identity(1)).unwrap();
    log.append("fine").unwrap();
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| log.append("panic"))).is_err());
    assert!(matches!(log.append("after"), Err(Error::Poisoned)));
    drop(log);
    let log = Log::open(level, identity(1)).unwrap();
    assert_eq!(log.append("after").unwrap().seq, Seq(2));
    assert_clean(&log);
}

/// A signer that is no good costs nothing but the append.
#[test]
fn an_entry_that_cannot_be_signed_is_not_stored() {
    #[derive(Clone)]
    struct Bad(ed25519_dalek::SigningKey, bool);
    impl signature::Keypair for Bad {
        type VerifyingKey = ed25519_dalek::VerifyingKey;
        fn verifying_key(&self) -> Self::VerifyingKey {
            self.0.verifying_key()
        }
    }
    impl signature::Signer<ed25519_dalek::Signature> for Bad {
        fn try_sign(&self, message: &[u8]) -> Result<ed25519_dalek::Signature, signature::Error> {
            if self.1 { Err(signature::Error::new()) } else { self.0.try_sign(&message[1..]) }
        }
    }
    for refuses in [true, false] {
        let level = Memory::new();
        let bad = Bad(ed25519_dalek::SigningKey::from_bytes(&[1; 32]), refuses);
        let bad = scuttleup::Identity::from_signer(bad).unwrap();
        let log = Log::open(level.clone(), bad).unwrap();
        let before = dump(&level);
        assert!(matches!(log.append("x"), Err(Error::Sign(_))));
        assert_eq!(dump(&level), before);
        drop(log);
        assert_eq!(Log::open(level, identity(1)).unwrap().append("x").unwrap().seq, Seq(1));
    }
}

#[test]
fn buffered_entries_are_readable_at_once_and_visible_after_a_flush() {
    let level: Arc<dyn Level> = Arc::new(Memory::new());
    let log = Log::options().durability(Durability::Buffered).open(level, identity(1)).unwrap();
    log.append("one").unwrap();
    assert_eq!((log.last(), log.visible()), (Change(1), Change(0)));
    assert_eq!(values(&log), ["one"]);
    assert_eq!(log.read(Read::all().live(true)).try_next().map(drop), None);
    assert_eq!(import(&self::log(2), &export(&log)).stored, 0, "what is not durable is not sent");
    log.flush().unwrap();
    assert_eq!(log.visible(), Change(1));
    assert_eq!(import(&self::log(2), &export(&log)).stored, 1);
}
