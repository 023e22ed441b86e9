//! Power cuts: nothing is lost that was durable, and the view is that of what is left.

use std::sync::Arc;

use hyperkv::{HyperKv, Memory, NodeId, Write};
use hyperlog::{Durability, Hyperlog, Level};
use level::testing::Crashing;

use crate::model::{Model, check};
use crate::support::{Map, get, identity, ids, nodes, open, rebuilt, rows, sync};

fn over(level: &Crashing, views: &(impl Level + Clone + 'static), durability: Durability) -> Map {
    let options = Hyperlog::options().durability(durability);
    let log: Hyperlog = options.open(Arc::new(level.clone()), identity(1)).unwrap();
    HyperKv::over(&log, views.clone()).unwrap()
}

/// Writes of every kind, each of which is seen by the view.
fn script(kv: &Map) -> Vec<NodeId> {
    let mut done = Vec::new();
    done.push(kv.put("a", "1").unwrap());
    done.extend(kv.batch([Write::put("a", "2"), Write::put("b", "1"), Write::del("b")]).unwrap());
    let many = (0..20).map(|n| Write::put("many", n.to_string()).links([]));
    done.extend(kv.batch(many.collect::<Vec<_>>()).unwrap());
    kv.get("a").unwrap();
    done.push(kv.put("many", "one").unwrap());
    kv.index().ready().unwrap();
    done.push(kv.put("a", "3").unwrap());
    done.push(kv.del("a").unwrap());
    kv.get("a").unwrap();
    done
}

#[test]
fn whatever_a_power_cut_takes_the_view_is_that_of_what_is_left() {
    let mut lengths = Vec::new();
    for keep in 0..20 {
        let level = Crashing::new();
        let kv = over(&level, &level, Durability::Buffered);
        let done = script(&kv);
        let after = level.crash(keep);
        drop(kv);
        let kv = over(&after, &after, Durability::Buffered);
        let left = ids(&kv);
        assert_eq!(left, done[..left.len()], "a prefix of what was written");
        check(&kv);
        kv.put("a", "goes on").unwrap();
        assert_eq!(get(&kv, "a"), "goes on");
        check(&kv);
        lengths.push(left.len());
    }
    assert!(lengths.is_sorted() && lengths[0] == 0 && *lengths.last().unwrap() == 27, "{lengths:?}");
}

#[test]
fn what_was_acknowledged_as_synced_survives_any_power_cut() {
    let level = Crashing::new();
    let kv = over(&level, &level, Durability::Synced);
    let done = script(&kv);
    let after = level.crash(0);
    let kv = over(&after, &after, Durability::Synced);
    assert_eq!(ids(&kv), done);
    check(&kv);
}

#[test]
fn a_view_in_another_level_that_is_ahead_or_behind_follows_the_log() {
    for (keep_log, keep_view) in [(0, 99), (2, 99), (3, 1), (99, 0), (99, 2), (0, 0), (4, 3)] {
        let (level, views) = (Crashing::new(), Crashing::new());
        let kv = over(&level, &views, Durability::Buffered);
        script(&kv);
        let (level, views) = (level.crash(keep_log), views.crash(keep_view));
        let kv = over(&level, &views, Durability::Buffered);
        check(&kv);
        // Other nodes under the numbers of those that are gone.
        let far = open(2);
        for n in 0..30 {
            far.put("a", n.to_string()).unwrap();
        }
        sync(&kv, &far);
        check(&kv);
        let views = views.crash(99);
        let kv = over(&level, &views, Durability::Buffered);
        check(&kv);
    }
}

#[test]
fn a_view_that_kept_numbers_which_were_given_anew_is_built_anew() {
    let (level, views) = (Crashing::new(), Memory::new());
    let kv = over(&level, &views, Durability::Buffered);
    kv.put("a", "lost").unwrap();
    assert_eq!(get(&kv, "a"), "lost");
    let level = level.crash(0);
    let log: Hyperlog = Hyperlog::options().open(Arc::new(level.clone()), identity(1)).unwrap();
    let far = open(2);
    far.put("b", "other").unwrap();
    assert!(replicate::sync(&log, &far).unwrap().equal);
    let kv: Map = HyperKv::over(&log, views).unwrap();
    assert_eq!((get(&kv, "a"), get(&kv, "b"), nodes(kv.log()).len()), (String::new(), "other".into(), 1));
    check(&kv);
}

#[test]
fn the_check_sees_a_commit_of_the_view_that_is_missing() {
    // The control: a disk that loses one batch and keeps those behind it.
    let (level, views) = (Crashing::new(), Crashing::new());
    let kv = over(&level, &views, Durability::Synced);
    script(&kv);
    assert!(views.unsynced() > 3);
    let views = views.crash_out_of_order(1);
    let kv = over(&level, &views, Durability::Synced);
    Model::of(&kv).check(&kv, &[]).unwrap_err();
    assert_ne!(rows(&kv), rebuilt(&kv));
}
