//! Writes that do not count, by the verdict of a policy, and values that go and come.

use std::sync::Arc;

use hyperkv::{HyperKv, Memory, NodeId, Read, Select, Utf8, Write};
use hyperlog::Hyperlog;
use hyperlog::testing::{Verdicts, verdict};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::model::check;
use crate::support::{Map, get, identity, ids, list, open, rows, sync};

fn toy_on(level: &Memory, n: u8) -> Map {
    let log: Hyperlog = Hyperlog::options()
        .policy(Arc::new(Verdicts::default()))
        .open(Arc::new(level.clone()), identity(n))
        .unwrap();
    HyperKv::over(&log, level.clone()).unwrap()
}

fn toy(n: u8) -> Map {
    toy_on(&Memory::new(), n)
}

fn void(kv: &Map, id: NodeId) {
    kv.log().add(&[id], format!("void:{id}")).unwrap();
}

fn restore(kv: &Map, id: NodeId) {
    kv.log().add(&[id], format!("restore:{id}")).unwrap();
}

#[test]
fn a_void_write_is_seen_nowhere_and_what_it_superseded_comes_back() {
    let kv = toy(1);
    let a = kv.put("k", "1").unwrap();
    let b = kv.put("k", "2").unwrap();
    let l = kv.put("l", "1").unwrap();
    let (then, changes) = (kv.version(), kv.log().last());
    void(&kv, b);
    void(&kv, l);
    assert_eq!(list(&kv, Select::all()), "k=1");
    assert!(kv.history("k").unwrap().map(|written| written.unwrap().id).eq([a]));
    assert_eq!((kv.history("l").unwrap().count(), kv.writes(Read::all()).count()), (0, 1));
    for past in [kv.at(&then).unwrap(), kv.at(changes).unwrap()] {
        assert_eq!(crate::support::shown(&past.get("k").unwrap()), "1", "judged as of now");
        assert_eq!(past.list(Select::all()).unwrap().count(), 1);
    }
    assert_eq!(kv.diff(hyperkv::Change(1), &then, Select::all()).unwrap().count(), 0);
    check(&kv);
    // Who writes now has not seen it, and stands beside it when it comes back.
    kv.put("k", "3").unwrap();
    assert_eq!(get(&kv, "k"), "3");
    restore(&kv, b);
    restore(&kv, l);
    assert_eq!(list(&kv, Select::all()), "k=2|3 l=1");
    assert_eq!(kv.history("k").unwrap().count(), 3);
    check(&kv);
}

#[test]
fn a_write_that_is_void_when_it_comes_is_as_if_it_had_not() {
    let (source, kv) = (toy(2), toy(1));
    source.put("k", "1").unwrap();
    let b = source.put("k", "2").unwrap();
    void(&source, b);
    let mut watch = kv.watch(Select::all());
    sync(&source, &kv);
    assert_eq!((get(&kv, "k"), kv.log().epoch(), kv.history("k").unwrap().count()), ("1".into(), 0, 1));
    assert!(!watch.try_next().unwrap().unwrap().any);
    check(&kv);
    check(&source);
    assert_eq!(rows(&kv), rows(&source));
}

#[test]
fn a_path_over_a_void_write_is_no_history() {
    let kv = toy(1);
    let a = kv.put("k", "1").unwrap();
    let b = kv.put("k", "2").unwrap();
    let c = kv.put("k", "3").unwrap();
    void(&kv, b);
    assert_eq!(get(&kv, "k"), "1 3", "nobody who counts has seen the first");
    assert_eq!(kv.history("k").unwrap().count(), 2);
    void(&kv, c);
    assert!(kv.get("k").unwrap().ids().eq([a]));
    check(&kv);
}

#[test]
fn watchers_hear_that_anything_may_have_changed() {
    // HD-46: a verdict is news, as an authorization was.
    let kv = toy(1);
    kv.put("k", "1").unwrap();
    let b = kv.put("k", "2").unwrap();
    let mut watch = kv.watch(Select::all().prefix("other"));
    let mut live = kv.live(Select::all(), false).unwrap();
    void(&kv, b);
    let changed = watch.try_next().unwrap().unwrap();
    assert!(changed.any && changed.keys.is_empty());
    assert!(watch.try_next().is_none());
    let entry = live.try_next().unwrap().unwrap();
    assert_eq!((entry.key.as_ref(), crate::support::shown(&entry.values)), (&b"k"[..], "1".into()));
}

#[test]
fn a_deleted_value_is_no_write_and_what_it_superseded_comes_back() {
    let kv = open(1);
    kv.put("k", "1").unwrap();
    let b = kv.put("k", "2").unwrap();
    let then = kv.version();
    kv.log().del(&b).unwrap();
    assert_eq!((get(&kv, "k"), kv.history("k").unwrap().count()), ("1".into(), 1));
    assert_eq!(kv.at(then).unwrap().get("k").unwrap().len(), 1);
    check(&kv);
    kv.put("k", "3").unwrap();
    assert_eq!(get(&kv, "k"), "3");
    check(&kv);
}

#[test]
fn a_value_that_comes_later_takes_its_place() {
    let (full, bare, kv) = (open(1), open(2), open(3));
    full.put("k", "1").unwrap();
    let b = full.put("k", "2").unwrap();
    full.put("k", "3").unwrap();
    sync(&full, &bare);
    bare.log().del(&b).unwrap();
    replicate::sync(&bare, &kv).unwrap();
    assert_eq!(get(&kv, "k"), "1 3", "nobody is known to have seen the first");
    check(&kv);
    sync(&kv, &full);
    assert_eq!((get(&kv, "k"), kv.history("k").unwrap().count()), ("3".into(), 3));
    assert_eq!(rows(&kv), rows(&full));
    check(&kv);
    check(&bare);
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, Option<Vec<Index>>),
    Judge(bool, Index),
    Del(Index),
    Sync,
    Reopen,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let links = prop::option::of(prop::collection::vec(any::<Index>(), 0..3));
    let step = prop_oneof![
        5 => (0..2_usize, links).prop_map(|(key, links)| Step::Write(key, links)),
        4 => (any::<bool>(), any::<Index>()).prop_map(|(voids, index)| Step::Judge(voids, index)),
        1 => any::<Index>().prop_map(Step::Del),
        2 => Just(Step::Sync),
        1 => Just(Step::Reopen),
    ];
    (0..2_usize, step)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_map_under_a_policy_shows_what_counts(steps in prop::collection::vec(step(), 1..40)) {
        let levels = [Memory::new(), Memory::new()];
        let mut maps = [toy_on(&levels[0], 1), toy_on(&levels[1], 2)];
        let mut deletes = false;
        for (at, step) in steps {
            let kv = &maps[at];
            let known = ids(kv);
            let pick = |index: &Index| (!known.is_empty()).then(|| *index.get(&known));
            match step {
                Step::Write(key, links) => {
                    let write = Write::put(["a", "b"][key], known.len().to_string());
                    let links = links.map(|links| links.iter().filter_map(pick).collect::<Vec<_>>());
                    kv.write(match links {
                        Some(links) => write.links(links),
                        None => write,
                    }).unwrap();
                }
                Step::Judge(voids, index) => pick(&index).into_iter().for_each(|id| if voids { void(kv, id) } else { restore(kv, id) }),
                // Not of verdicts: this policy counts what it was once told.
                Step::Del(index) => if let Some(id) = pick(&index)
                    && kv.log().get(&id).unwrap().value().is_some_and(|value| verdict(value).is_none()) {
                    kv.log().del(&id).unwrap();
                    deletes = true;
                },
                Step::Sync => drop(replicate::sync(kv, &maps[1 - at]).unwrap()),
                Step::Reopen => {
                    maps[at] = toy(9);
                    maps[at] = toy_on(&levels[at], u8::try_from(at).unwrap() + 1);
                }
            }
            check(&maps[at]);
        }
        sync(&maps[0], &maps[1]);
        maps.iter().for_each(check);
        if !deletes {
            prop_assert_eq!(rows(&maps[0]), rows(&maps[1]));
        }
    }
}

#[test]
fn the_check_sees_a_void_write_that_is_shown() {
    // The control: a map without the policy, of the same nodes.
    let kv = toy(1);
    kv.put("k", "1").unwrap();
    let b = kv.put("k", "2").unwrap();
    void(&kv, b);
    let free: HyperKv<Utf8> = open(2);
    sync(&kv, &free);
    crate::model::Model::of(&kv).check(&kv, &[]).unwrap();
    crate::model::Model::of(&kv).check(&free, &[]).unwrap_err();
}
