//! Every backend keeps the promises of the trait, and who does not is caught.

use std::sync::Arc;

use bytes::Bytes;
use level::{
    Batch, Durability, Error, Fjall, KeyRange, Level, Memory, Order, Read, Rows, Sub,
    testing::{Crashing, Failing, Operation, conformance, conformance_reopening},
};

use crate::scratch::Scratch;

#[test]
fn memory_keeps_every_promise() {
    conformance(Memory::new);
}

#[test]
fn fjall_keeps_every_promise() {
    let scratch = Scratch::new();
    let make = || Fjall::open(scratch.path()).unwrap();
    conformance_reopening(make, |level| {
        let path = level.path().to_owned();
        drop(level);
        Fjall::open(path).unwrap()
    });
}

#[test]
fn a_level_that_crashes_keeps_every_promise() {
    conformance_reopening(Crashing::new, |level| level.crash(usize::MAX));
}

#[test]
fn a_level_that_may_fail_keeps_every_promise_until_it_does() {
    conformance(|| Failing::new(Memory::new()));
}

#[test]
fn a_pointer_to_a_level_keeps_every_promise() {
    conformance(|| -> Arc<dyn Level> { Arc::new(Memory::new()) });
    conformance(|| Box::new(Memory::new()));
}

/// A memory level that breaks one promise.
struct Broken {
    level: Memory,
    how: How,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    StopsAtTheFirstUnknownSub,
    KeepsTheFirstChange,
    LiveSnapshots,
    ExcludedIsIncluded,
    DescendingIsAscending,
    LiveRanges,
    ForgetsToRemove,
    AnyName,
    EmptyKeys,
}

impl Read for Broken {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.level.get(sub, key)
    }

    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
        use std::ops::Bound;
        match self.how {
            How::ExcludedIsIncluded => {
                let end = match range.end() {
                    Bound::Excluded(end) => Bound::Included(end.to_vec()),
                    end => end.map(<[u8]>::to_vec),
                };
                self.level.range(sub, KeyRange::new(range.start().map(<[u8]>::to_vec), end), order)
            }
            How::DescendingIsAscending => self.level.range(sub, range, Order::Ascending),
            How::LiveRanges => {
                let keys: Vec<Bytes> =
                    self.level.range(sub, range, order).map(|row| row.unwrap().0).collect();
                Box::new(keys.into_iter().filter_map(move |key| {
                    let value = self.level.get(sub, &key).transpose()?;
                    Some(value.map(|value| (key, value)))
                }))
            }
            _ => self.level.range(sub, range, order),
        }
    }
}

impl Level for Broken {
    fn sub(&self, name: &str) -> Result<Sub, Error> {
        let name = if self.how == How::AnyName { name.to_ascii_lowercase() } else { name.to_owned() };
        self.level.sub(&name)
    }

    fn subs(&self) -> Result<Vec<String>, Error> {
        self.level.subs()
    }

    fn remove(&self, name: &str) -> Result<bool, Error> {
        if self.how == How::ForgetsToRemove {
            let sub = self.level.sub(name)?;
            let mut batch = Batch::new();
            for row in self.level.range(sub, KeyRange::all(), Order::Ascending) {
                batch.del(sub, row?.0);
            }
            self.level.apply(batch, Durability::Buffered)?;
            return Ok(true);
        }
        self.level.remove(name)
    }

    fn apply(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
        if self.how == How::StopsAtTheFirstUnknownSub {
            for (sub, key, value) in batch {
                let mut one = Batch::new();
                one.extend([(sub, key, value)]);
                self.level.apply(one, durability)?;
            }
            return Ok(());
        }
        if self.how == How::KeepsTheFirstChange {
            let known = |(sub, key): (Sub, &Bytes)| matches!(self.level.get(sub, key), Ok(Some(_)));
            let new =
                batch.clone().into_iter().filter(|(sub, key, value)| value.is_none() || !known((*sub, key)));
            let mut first = Batch::new();
            first.extend(new);
            return self.level.apply(first, durability);
        }
        if self.how == How::EmptyKeys {
            let mut cleaned = Batch::new();
            cleaned.extend(batch.into_iter().filter(|(_, key, _)| !key.is_empty()));
            return self.level.apply(cleaned, durability);
        }
        self.level.apply(batch, durability)
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, Error> {
        match self.how {
            How::LiveSnapshots => Ok(Arc::new(self.level.clone())),
            _ => self.level.snapshot(),
        }
    }
}

/// A test that the suite catches a level that is broken in one way, and says which promise it broke.
macro_rules! caught {
    ($($name:ident: $how:ident, $promise:literal;)*) => {$(
        #[test]
        #[should_panic(expected = $promise)]
        fn $name() {
            conformance(|| Broken { level: Memory::new(), how: How::$how });
        }
    )*};
}
caught! {
    a_half_applied_batch_is_caught: StopsAtTheFirstUnknownSub, "a refused batch changes nothing";
    a_lost_overwrite_is_caught: KeepsTheFirstChange, "a later put replaces an earlier one";
    a_snapshot_that_changes_is_caught: LiveSnapshots, "a snapshot does not see later writes";
    a_wrong_bound_is_caught: ExcludedIsIncluded, "ascending";
    a_wrong_order_is_caught: DescendingIsAscending, "descending is the other way round";
    a_range_that_changes_is_caught: LiveRanges, "a range shows the moment it was asked for";
    a_removal_that_only_empties_is_caught: ForgetsToRemove, "a refused batch changes nothing";
    a_name_that_is_bent_is_caught: AnyName, "is refused";
    a_key_that_is_dropped_is_caught: EmptyKeys, "a refused batch changes nothing";
}

#[test]
#[should_panic(expected = "reopening keeps every row")]
fn forgetting_what_was_not_synced_is_caught() {
    conformance_reopening(Crashing::new, |level| level.crash(0));
}

#[test]
fn a_failure_leaves_nothing_half_applied() {
    let level = Failing::new(Memory::new());
    let (a, b) = (level.sub("a").unwrap(), level.sub("b").unwrap());
    let change = || {
        let mut batch = Batch::new();
        batch.put(a, "k", "v");
        batch.put(b, "k", "v");
        level.apply(batch, Durability::Synced)
    };
    level.fail_once(Operation::Apply, 0);
    assert!(matches!(change(), Err(Error::Io { .. })));
    assert_eq!(level.get(a, b"k").unwrap(), None);
    assert_eq!(level.get(b, b"k").unwrap(), None);
    change().unwrap();
    assert!(level.get(a, b"k").unwrap().is_some() && level.get(b, b"k").unwrap().is_some());
}

#[test]
fn a_copy_ends_with_the_first_failure() {
    let from = Failing::new(Memory::new());
    let sub = from.sub("a").unwrap();
    let mut batch = Batch::new();
    for n in 0..100u8 {
        batch.put(sub, vec![n], "");
    }
    from.apply(batch, Durability::Buffered).unwrap();
    for (operation, n) in [(Operation::Read, 50), (Operation::Sub, 1), (Operation::Snapshot, 0)] {
        from.fail_from(operation, n);
        assert!(level::copy(&from, &Memory::new()).is_err(), "{operation:?}");
    }
    from.heal();
    let to = Failing::new(Memory::new());
    to.fail_once(Operation::Apply, 0);
    assert!(level::copy(&from, &to).is_err());
    assert_eq!(level::copy(&from, &to).unwrap().rows, 100);
}

#[test]
fn a_crash_keeps_what_was_synced_and_a_prefix_of_the_rest() {
    for keep in 0..=4 {
        let level = Crashing::new();
        let sub = level.sub("a").unwrap();
        let put = |key: &'static str, durability| {
            let mut batch = Batch::new();
            batch.put(sub, key, "");
            level.apply(batch, durability).unwrap();
        };
        put("0", Durability::Buffered);
        put("1", Durability::Synced);
        for key in ["2", "3", "4"] {
            put(key, Durability::Buffered);
        }
        assert_eq!(level.unsynced(), 3);
        let after = level.crash(keep);
        let sub_after = after.sub("a").unwrap();
        let rows = after.range(sub_after, KeyRange::all(), Order::Ascending).count();
        assert_eq!(rows, 2 + keep.min(3));
        assert_eq!(after.unsynced(), 0, "what is there after a crash is on the disk");
        assert!(matches!(level.get(sub, b"0"), Err(Error::Poisoned)), "the level before is dead");
        assert!(matches!(after.get(sub, b"0"), Err(Error::UnknownSub { .. })), "so are its handles");
    }
}

/// A level with three unsynced batches, of which the last takes back what the one before wrote.
fn three_unsynced() -> Crashing {
    let level = Crashing::new();
    let sub = level.sub("a").unwrap();
    for (key, other) in [("0", "-"), ("1", "-"), ("2", "1")] {
        let mut batch = Batch::new();
        batch.put(sub, key, "");
        batch.del(sub, other);
        level.apply(batch, Durability::Buffered).unwrap();
    }
    level
}

fn keys(level: &Crashing) -> Vec<String> {
    let rows = level.range(level.sub("a").unwrap(), KeyRange::all(), Order::Ascending);
    rows.map(|row| String::from_utf8(row.unwrap().0.to_vec()).unwrap()).collect()
}

#[test]
fn a_crash_out_of_order_loses_one_batch_and_keeps_those_behind_it() {
    assert_eq!(keys(&three_unsynced()), ["0", "2"]);
    for (lost, kept) in [(0, vec!["2"]), (1, vec!["0", "2"]), (2, vec!["0", "1"]), (3, vec!["0", "2"])] {
        let level = three_unsynced();
        let after = level.crash_out_of_order(lost);
        assert_eq!(keys(&after), kept, "without {lost}");
        assert!(level.subs().is_err(), "the level before is dead");
    }
}

#[test]
fn a_copy_is_a_level_of_its_own() {
    let level = three_unsynced();
    let copy = level.copy();
    assert_eq!((copy.unsynced(), level.unsynced()), (0, 3));
    let after = level.crash(0);
    assert_eq!((keys(&copy), keys(&after).len()), (vec!["0".to_owned(), "2".to_owned()], 0));
}
