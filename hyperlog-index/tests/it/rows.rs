//! A view sees what it wrote: in this node, in those before it, and in earlier commits.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use hyperlog::{Hyperlog, Memory, Utf8};
use hyperlog_index::{ROW_KEY_BYTES_MAX, Rows};
use level::{KeyRange, Order};
use proptest::prelude::*;

use crate::support::{Dump, chain, dump, index, skipped};
use crate::views::Probe;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, Vec<u8>),
    Del(Vec<u8>),
    Get(Vec<u8>),
    Range(Bound<Vec<u8>>, Bound<Vec<u8>>, bool, usize),
    /// The node is a fault, and what it wrote is dropped.
    Fault,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0), Just(1), Just(b'v'), Just(255)];
    prop::collection::vec(byte, 0..3)
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![
        2 => Just(Bound::Unbounded),
        2 => key().prop_map(Bound::Included),
        2 => key().prop_map(Bound::Excluded),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (key(), prop::collection::vec(any::<u8>(), 0..3)).prop_map(|(key, value)| Step::Put(key, value)),
        3 => key().prop_map(Step::Del),
        2 => key().prop_map(Step::Get),
        4 => (bound(), bound(), any::<bool>(), 1usize..20).prop_map(|(a, b, up, n)| Step::Range(a, b, up, n)),
        1 => Just(Step::Fault),
    ]
}

/// What a range holds, read key by key.
fn slow_range(
    model: &Model,
    start: &Bound<Vec<u8>>,
    end: &Bound<Vec<u8>>,
    up: bool,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let above = |key: &Vec<u8>| match start {
        Bound::Unbounded => true,
        Bound::Included(start) => key >= start,
        Bound::Excluded(start) => key > start,
    };
    let below = |key: &Vec<u8>| match end {
        Bound::Unbounded => true,
        Bound::Included(end) => key <= end,
        Bound::Excluded(end) => key < end,
    };
    let inside = model.iter().filter(|(key, _)| above(key) && below(key));
    let mut found: Vec<_> = inside.map(|(key, value)| (key.clone(), value.clone())).collect();
    if !up {
        found.reverse();
    }
    found
}

/// Does the steps of a node to rows and model alike; says where they differ.
fn compare(steps: &[Step], rows: &mut Rows<'_>, model: &mut Model) -> Result<bool, String> {
    for step in steps {
        match step {
            Step::Put(key, value) => {
                rows.put(key, value.clone()).unwrap();
                model.insert(key.clone(), value.clone());
            }
            Step::Del(key) => {
                rows.del(key);
                model.remove(key);
            }
            Step::Get(key) => {
                let found = rows.get(key).unwrap().map(|value| value.to_vec());
                if found.as_ref() != model.get(key) {
                    return Err(format!("{key:?} is {found:?} instead of {:?}", model.get(key)));
                }
            }
            Step::Range(start, end, up, n) => {
                let order = if *up { Order::Ascending } else { Order::Descending };
                let found = rows.range(KeyRange::new(start.clone(), end.clone()), order);
                let found: Vec<_> = found
                    .take(*n)
                    .map(Result::unwrap)
                    .map(|(key, value)| (key.to_vec(), value.to_vec()))
                    .collect();
                let expected: Vec<_> = slow_range(model, start, end, *up).into_iter().take(*n).collect();
                if found != expected {
                    return Err(format!("{start:?} to {end:?} is {found:?} instead of {expected:?}"));
                }
            }
            Step::Fault => return Ok(false),
        }
    }
    Ok(true)
}

/// Runs the steps as nodes, one list each, and gives what the view held at the end and what it should.
fn run(nodes: &[Vec<Step>], commit: usize) -> Result<(Dump, Model), String> {
    let log: Hyperlog<Utf8> = chain((0..nodes.len()).map(|n| n.to_string()));
    let state = Arc::new(Mutex::new((Model::new(), None)));
    let (shared, steps) = (Arc::clone(&state), nodes.to_vec());
    let view = Probe::new("model", move |node, rows| {
        let mut state = shared.lock().unwrap();
        let (model, wrong) = &mut *state;
        let place = usize::try_from(node.change.0).unwrap() - 1;
        let mut new = model.clone();
        match compare(&steps[place], rows, &mut new) {
            Ok(true) => *model = new,
            Ok(false) => return Err("as told".into()),
            Err(why) => *wrong = wrong.take().or(Some(why)),
        }
        Ok(())
    });
    let index = index(&log, &Memory::new(), view, commit);
    let found = dump(&index);
    let faults = nodes.iter().filter(|steps| steps.iter().any(|step| matches!(step, Step::Fault))).count();
    assert_eq!(skipped(&index).len(), faults);
    let (model, wrong) = state.lock().unwrap().clone();
    wrong.map_or(Ok((found, model)), Err)
}

fn agree(found: &Dump, model: &Model) -> bool {
    found
        .iter()
        .map(|(key, value)| (&key[..], &value[..]))
        .eq(model.iter().map(|(key, value)| (&key[..], &value[..])))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn rows_are_those_of_a_map(
        nodes in prop::collection::vec(prop::collection::vec(step(), 0..12), 1..10),
        commit in 1usize..5,
    ) {
        let (found, model) = run(&nodes, commit).map_err(TestCaseError::fail)?;
        prop_assert!(agree(&found, &model), "{found:?} instead of {model:?}");
    }
}

#[test]
fn the_comparison_sees_a_row_too_many_and_one_of_another_value() {
    // The control for the property above.
    let log = chain(["1"]);
    let view = Probe::new("control", |_, rows| {
        rows.put(b"a", vec![1])?;
        let all = || Step::Range(Bound::Unbounded, Bound::Unbounded, true, 9);
        compare(&[all()], rows, &mut Model::new()).unwrap_err();
        compare(&[Step::Get(b"a".to_vec())], rows, &mut Model::from([(b"a".to_vec(), vec![2])])).unwrap_err();
        let mut same = Model::from([(b"a".to_vec(), vec![1])]);
        assert!(compare(&[all(), Step::Get(b"a".to_vec())], rows, &mut same).unwrap());
        Ok(())
    });
    let index = index(&log, &Memory::new(), view, 1);
    assert!(!agree(&dump(&index), &Model::new()));
    assert!(skipped(&index).is_empty());
}

#[test]
fn keys_have_a_longest_and_deleting_a_longer_one_is_nothing() {
    let log = chain(["1", "2"]);
    let view = Probe::new("long", |node, rows| {
        let longest = vec![b'k'; ROW_KEY_BYTES_MAX];
        let longer = vec![b'k'; ROW_KEY_BYTES_MAX + 1];
        rows.put(&longest, vec![1])?;
        assert!(rows.put(&longer, vec![]).is_err());
        rows.del(&longer);
        assert!(rows.get(&longer)?.is_none());
        let mut beyond = rows.range(longer.clone().., Order::Ascending);
        assert!(beyond.next().is_none());
        drop(beyond);
        assert_eq!(rows.range(..=longer, Order::Descending).count(), 1);
        if node.change.0 == 2 {
            rows.del(&longest);
            assert_eq!(rows.range(.., Order::Ascending).count(), 0);
        }
        Ok(())
    });
    let long = index(&log, &Memory::new(), view, 1);
    assert!(dump(&long).is_empty());
    assert!(skipped(&long).is_empty(), "{:?}", skipped(&long));
    assert!(long.get(&[b'k'; ROW_KEY_BYTES_MAX + 1]).unwrap().is_none());
}
