//! Random histories, against the obvious implementation.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use level::{Batch, Durability, Error, Fjall, FjallOptions, KeyRange, Level, Memory, Order, Read, Sub};
use proptest::{collection::vec, prelude::*};

use crate::scratch::{Rows, Scratch, rows};

const NAMES: [&str; 3] = ["a", "b", "c/d"];

#[derive(Clone, Debug)]
enum Step {
    /// (sub-level, key, value or delete), and whether to sync.
    Apply(Vec<(usize, Vec<u8>, Option<Vec<u8>>)>, bool),
    Create(usize),
    Remove(usize),
    Snapshot,
    /// Compares what is kept, and lets it go.
    Look,
    Range(usize, Bound<Vec<u8>>, Bound<Vec<u8>>),
    Reopen,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    // Few letters, so that histories meet themselves, and the extremes of a byte.
    vec(prop_oneof![Just(0u8), Just(1), Just(b'a'), Just(254), Just(255)], 1..4)
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![
        Just(Bound::Unbounded),
        key().prop_map(Bound::Included),
        key().prop_map(Bound::Excluded),
        Just(Bound::Included(Vec::new())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    let value = proptest::option::weighted(0.7, vec(any::<u8>(), 0..40));
    prop_oneof![
        10 => (vec((name.clone(), key(), value), 0..12), any::<bool>()).prop_map(|(changes, sync)| Step::Apply(changes, sync)),
        3 => name.clone().prop_map(Step::Create),
        1 => name.clone().prop_map(Step::Remove),
        1 => Just(Step::Snapshot),
        2 => Just(Step::Look),
        4 => (name, bound(), bound()).prop_map(|(name, start, end)| Step::Range(name, start, end)),
        1 => Just(Step::Reopen),
    ]
}

/// A snapshot, the handles of that moment, and what it should show.
type Kept = (Arc<dyn Read>, BTreeMap<&'static str, Sub>, Rows);

/// Runs a history on `level` and on maps, and compares after every step. `reopen` closes a level and opens it.
fn follow<L: Level + Clone>(mut level: L, reopen: impl Fn(L) -> L, steps: Vec<Step>) {
    let mut model = Rows::new();
    let mut kept: Vec<Kept> = Vec::new();
    for step in steps {
        match step {
            Step::Apply(changes, sync) => {
                let mut batch = Batch::new();
                let mut after = model.clone();
                for (name, key, value) in changes {
                    let Some(rows) = after.get_mut(NAMES[name]) else { continue };
                    let sub = level.sub(NAMES[name]).unwrap();
                    batch.extend([(sub, key.clone().into(), value.clone().map(Into::into))]);
                    match value {
                        Some(value) => rows.insert(key, value),
                        None => rows.remove(&key),
                    };
                }
                let durability = if sync { Durability::Synced } else { Durability::Buffered };
                level.apply(batch, durability).unwrap();
                model = after;
            }
            Step::Create(name) => {
                level.sub(NAMES[name]).unwrap();
                model.entry(NAMES[name].to_owned()).or_default();
            }
            Step::Remove(name) => {
                let old = model.contains_key(NAMES[name]).then(|| level.sub(NAMES[name]).unwrap());
                assert_eq!(level.remove(NAMES[name]).unwrap(), old.is_some());
                model.remove(NAMES[name]);
                if let Some(old) = old {
                    assert!(matches!(level.get(old, b"k"), Err(Error::UnknownSub { .. })));
                }
            }
            Step::Snapshot => {
                let subs = NAMES.into_iter().filter(|name| model.contains_key(*name));
                let subs = subs.map(|name| (name, level.sub(name).unwrap())).collect();
                kept.push((level.snapshot().unwrap(), subs, model.clone()));
            }
            Step::Look => kept.drain(..).for_each(|(snapshot, subs, model)| {
                for (name, sub) in subs {
                    let rows = snapshot.range(sub, KeyRange::all(), Order::Ascending);
                    let rows: BTreeMap<_, _> =
                        rows.map(|row| row.unwrap()).map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
                    assert_eq!(rows, model[name], "a snapshot of {name:?} stays as it was");
                }
            }),
            Step::Range(name, start, end) => {
                let Some(rows) = model.get(NAMES[name]) else { continue };
                let sub = level.sub(NAMES[name]).unwrap();
                let range = KeyRange::new(start, end);
                let mut expected: Vec<_> = rows.iter().filter(|(key, _)| range.contains(key)).collect();
                for order in [Order::Ascending, Order::Descending] {
                    let found: Vec<_> =
                        level.range(sub, range.clone(), order).map(|row| row.unwrap()).collect();
                    let same = found
                        .iter()
                        .map(|(k, v)| (&k[..], &v[..]))
                        .eq(expected.iter().map(|(k, v)| (&k[..], &v[..])));
                    assert!(same, "{range:?} {order:?}: {found:?} instead of {expected:?}");
                    expected.reverse();
                }
                for (key, value) in rows {
                    assert_eq!(level.get(sub, key).unwrap().as_deref(), Some(&value[..]));
                }
            }
            Step::Reopen => {
                kept.clear();
                level = reopen(level);
            }
        }
        assert_eq!(rows(&level), model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn memory_is_a_map_of_maps(steps in vec(step(), 0..60)) {
        follow(Memory::new(), |level| level, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn fjall_is_a_map_of_maps(steps in vec(step(), 0..60)) {
        let scratch = Scratch::new();
        // So small that tables are written and merged all the time.
        let options = FjallOptions { memtable_bytes: 256, ..FjallOptions::default() };
        let level = Fjall::with(scratch.path(), options.clone()).unwrap();
        follow(level, |level| {
            let path = level.path().to_owned();
            drop(level);
            Fjall::with(path, options.clone()).unwrap()
        }, steps);
    }
}

/// The check above would be worth nothing if it let a wrong level pass.
#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn a_level_that_forgets_at_reopening_is_not_a_map_of_maps() {
    let put = Step::Apply(vec![(0, b"k".to_vec(), Some(Vec::new()))], true);
    follow(Memory::new(), |_| Memory::new(), vec![Step::Create(0), put, Step::Reopen]);
}
