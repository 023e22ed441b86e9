//! Levels that fail: an error comes out, and what comes out without one is right.

use std::sync::Arc;

use hyperkv::{Error, HyperKv, Memory, Read, Select, Write};
use hyperlog::{Durability, Hyperlog, Level};
use level::testing::{Failing, Operation};

use crate::model::{Model, check};
use crate::support::{Map, identity, ids, open};

const OPERATIONS: [Operation; 4] = [Operation::Apply, Operation::Read, Operation::Snapshot, Operation::Sub];

fn over(
    level: &(impl Level + Clone + 'static),
    views: &(impl Level + Clone + 'static),
) -> Result<Map, Error> {
    let options = Hyperlog::options().durability(Durability::Synced);
    let log: Hyperlog = options.open(Arc::new(level.clone()), identity(1))?;
    HyperKv::over(&log, views.clone())
}

/// What is read, as text: what an error interrupted is left out.
fn read(kv: &Map) -> Result<String, Error> {
    let mut text = String::new();
    for key in ["a", "b", "many"] {
        let values = kv.get(key)?;
        text += &format!("{key} {} {:?};", values.len(), values.ids().collect::<Vec<_>>());
        for written in kv.history(key)? {
            text += &format!("{:?}", written?.id);
        }
        text += &format!("{}", kv.page(key, values.ids().next(), 5)?.len());
    }
    for entry in kv.list(Select::all().reverse(true))? {
        let entry = entry?;
        text += &format!("{:?} {}", entry.key, entry.values.len());
    }
    for entry in kv.conflicts(Select::all())? {
        text += &format!("{:?}", entry?.key);
    }
    for written in kv.writes(Read::all()) {
        text += &format!("{:?}", written?.id);
    }
    let last = kv.log().last();
    let past = kv.at(hyperkv::Change(last.0 / 2))?;
    text += &format!("{:?}", past.get("a")?.ids().collect::<Vec<_>>());
    for entry in past.list(Select::all())? {
        text += &format!("{:?}", entry?.key);
    }
    for difference in kv.diff(hyperkv::Change(last.0 / 2), kv.version(), Select::all())? {
        text += &format!("{:?}", difference?.key);
    }
    for entry in kv.live(Select::all().limit(2), true)? {
        text += &format!("{:?}", entry?.key);
    }
    Ok(text)
}

/// Writes and reads of every kind, up to the first that fails. Reads are right or fail.
fn script(kv: &Map, truth: impl Fn(&Map) -> String, done: &mut Vec<hyperkv::NodeId>) -> Result<(), Error> {
    done.push(kv.put("a", "1")?);
    done.push(kv.write(Write::put("a", "2").links([]))?);
    let many = (0..18).map(|n| Write::put("many", n.to_string()).links([]));
    done.extend(kv.batch(many.collect::<Vec<_>>())?);
    let shown = read(kv)?;
    assert_eq!(shown, truth(kv));
    done.push(kv.put("many", "few")?);
    done.extend(kv.batch([Write::del("b"), Write::put("b", "1")])?);
    done.extend(kv.merge("a", |_| Some("merged".into()))?);
    kv.reindex(|_| {})?;
    // Begins an epoch: the view is built anew by whoever reads next.
    if let Some(first) = done.first() {
        kv.log().del(first)?;
    }
    let shown = read(kv)?;
    assert_eq!(shown, truth(kv));
    Ok(())
}

/// For each operation, and each time it is called: fails it once, or from then on.
fn everywhere(count: impl Fn(Operation) -> u64, fail_at: impl Fn(&dyn Fn(&Failing<Memory>), &str)) {
    for operation in OPERATIONS {
        for lasts in [false, true] {
            let (count, mut n) = (count(operation), 0);
            while n < count {
                let plan = |level: &Failing<Memory>| {
                    if lasts { level.fail_from(operation, n) } else { level.fail_once(operation, n) }
                };
                fail_at(&plan, &format!("{operation:?} {n} of {count}, lasts: {lasts}"));
                // All of the first, then ever fewer.
                n += 1 + n / 16;
            }
        }
    }
}

#[test]
fn whichever_operation_of_the_view_fails_no_answer_is_wrong() {
    // The log does not fail, so what is right is known at any time.
    let truth = |kv: &Map| read(&HyperKv::over(kv.log(), Memory::new()).unwrap()).unwrap();
    let count = |operation| {
        let views = Failing::new(Memory::new());
        script(&over(&Memory::new(), &views).unwrap(), truth, &mut Vec::new()).unwrap();
        views.count(operation)
    };
    everywhere(count, |plan, what| {
        let (level, views) = (Memory::new(), Failing::new(Memory::new()));
        plan(&views);
        let mut done = Vec::new();
        if let Ok(kv) = over(&level, &views) {
            let result = script(&kv, truth, &mut done);
            views.heal();
            assert!(result.is_err(), "{what}: the error is gone");
            assert_eq!(ids(&kv), done, "{what}: what failed was stored, or what was stored failed");
            // The same map goes on, for the view is derived.
            Model::of(&kv).check(&kv, &["a", "b"]).map_err(|why| format!("{what}: {why}")).unwrap();
            kv.put("a", "goes on").unwrap();
            check(&kv);
        }
        views.heal();
        check(&over(&level, &views).unwrap());
    });
}

#[test]
fn whichever_operation_of_the_log_fails_nothing_is_half_there() {
    let truth = |kv: &Map| read(kv).unwrap_or_default();
    let count = |operation| {
        let level = Failing::new(Memory::new());
        script(&over(&level, &level).unwrap(), truth, &mut Vec::new()).unwrap();
        // Half of what was read was read to compare.
        level.count(operation)
    };
    everywhere(count, |plan, what| {
        let level = Failing::new(Memory::new());
        plan(&level);
        let mut done = Vec::new();
        if let Ok(kv) = over(&level, &level) {
            let asked = |kv: &Map| {
                level.heal();
                truth(kv)
            };
            let _ = script(&kv, asked, &mut done);
        }
        level.heal();
        let kv = over(&level, &level).unwrap();
        let there = ids(&kv);
        assert!(done.iter().all(|id| there.contains(id)), "{what}: an acknowledged write is gone");
        check(&kv);
        kv.put("a", "goes on").unwrap();
        check(&kv);
    });
}

#[test]
fn live_and_watch_go_on_after_an_error_and_miss_nothing() {
    // Many, so that errors come between them.
    let far = open(2);
    let news: Vec<_> = (0..150).map(|n| format!("{n:03}")).collect();
    far.batch(news.iter().map(|key| Write::put(key, "1")).collect::<Vec<_>>()).unwrap();
    let mut errors = 0;
    for operation in [Operation::Read, Operation::Snapshot, Operation::Apply] {
        for n in (0..8).chain((8..900).step_by(47)) {
            let level = Failing::new(Memory::new());
            let kv = over(&level, &level).unwrap();
            kv.put("old", "1").unwrap();
            kv.put("older", "1").unwrap();
            let mut live = kv.live(Select::all(), true).unwrap();
            let mut watch = kv.watch(Select::all());
            crate::support::sync(&kv, &far);
            level.fail_from(operation, n);
            let (mut keys, mut told) = (Vec::new(), Vec::new());
            loop {
                let (changed, entry) = (watch.try_next(), live.try_next());
                if changed.is_none() && entry.is_none() {
                    break;
                }
                if matches!(changed, Some(Err(_))) || matches!(entry, Some(Err(_))) {
                    errors += 1;
                    level.heal();
                }
                told.extend(changed.and_then(Result::ok).into_iter().flat_map(|changed| changed.keys));
                keys.extend(entry.and_then(Result::ok).map(|entry| entry.key));
            }
            for key in &news {
                assert!(told.iter().any(|told| told == key), "{operation:?} {n}: {key} was not told");
            }
            for key in news.iter().map(String::as_str).chain(["old", "older"]) {
                assert!(keys.iter().any(|told| told == key), "{operation:?} {n}: {key} is missing live");
            }
        }
    }
    assert!(errors > 15, "{errors} errors");
}
