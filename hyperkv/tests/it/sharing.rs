//! A log that is not the map's alone, and a view that lies elsewhere.

use hyperkv::{HyperKv, Memory, Read, Select, Utf8};
use hyperlog::{Hyperlog, Level};
use hyperlog_index::{Index, Keys, words};

use crate::draw::{FORKED, draw};
use crate::model::check;
use crate::support::{Map, get, identity, list, open, rows, sync};

#[test]
fn a_log_holds_other_things_beside_the_map() {
    let level = Memory::new();
    let log = Hyperlog::<Utf8>::open(level.clone(), identity(1)).unwrap();
    let kv: Map = HyperKv::over(&log, level.clone()).unwrap();
    let by_word = Keys::<hyperlog::Binary, _>::new("by-word", 1, |node| {
        let text = node.value().and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
        words(text).map(String::into_bytes).collect()
    });
    let by_word = Index::open(&log, level, by_word).unwrap();
    for n in 0..5 {
        log.append(format!("message {n}")).unwrap();
        kv.put("k", n.to_string()).unwrap();
    }
    let (map, message) = (kv.get("k").unwrap(), by_word.find("message").unwrap().count());
    assert_eq!((map.one().map(String::as_str), message), (Some("4"), 5));
    assert_eq!((kv.writes(Read::all()).count(), log.last().0), (5, 10));
    assert_eq!(by_word.find("4").unwrap().count(), 1, "an operation is no text");
    assert_eq!(log.changes(Read::all()).filter(|node| node.is_ok()).count(), 5, "nor read as one");
    check(&kv);
}

#[test]
fn appending_beside_the_map_sees_its_writes_and_supersedes_none() {
    let kv = open(1);
    draw(&kv, FORKED);
    let before = list(&kv, Select::all());
    let node = kv.log().append("links all heads").unwrap();
    assert_eq!(node.links.len(), 4, "two of X, one each of Y and Z");
    assert_eq!(list(&kv, Select::all()), before);
    check(&kv);
}

#[test]
fn a_view_in_another_level_can_be_thrown_away() {
    let (level, views) = (Memory::new(), Memory::new());
    let log = Hyperlog::<Utf8>::open(level.clone(), identity(1)).unwrap();
    let kv: Map = HyperKv::over(&log, views.clone()).unwrap();
    draw(&kv, FORKED);
    let before = list(&kv, Select::all());
    assert!(!level.subs().unwrap().iter().any(|name| name.starts_with("index/")));
    drop(kv);
    for views in [views, Memory::new()] {
        let kv: Map = HyperKv::over(&log, views).unwrap();
        assert_eq!(list(&kv, Select::all()), before);
        check(&kv);
    }
}

#[test]
fn two_maps_of_one_log_with_their_views_apart_are_alike() {
    let log = Hyperlog::<Utf8>::open(Memory::new(), identity(1)).unwrap();
    let maps: [Map; 2] = [(); 2].map(|()| HyperKv::over(&log, Memory::new()).unwrap());
    for n in 0..20 {
        maps[n % 2].put("k", n.to_string()).unwrap();
    }
    assert_eq!((get(&maps[0], "k"), get(&maps[1], "k")), ("19".into(), "19".into()));
    assert_eq!(rows(&maps[0]), rows(&maps[1]));
    maps.iter().for_each(check);
}

#[test]
fn a_view_of_another_log_is_built_anew() {
    let views = Memory::new();
    let one = open(1);
    one.put("k", "one").unwrap();
    let other = open(2);
    other.put("k", "other").unwrap();
    other.put("l", "other").unwrap();
    for kv in [&one, &other, &one] {
        let over: Map = HyperKv::over(kv.log(), views.clone()).unwrap();
        assert_eq!(list(&over, Select::all()), list(kv, Select::all()));
        check(&over);
    }
}

#[test]
fn a_map_syncs_with_a_log_that_is_no_map() {
    let kv = open(1);
    draw(&kv, FORKED);
    let log = Hyperlog::<Utf8>::open(Memory::new(), identity(2)).unwrap();
    assert!(replicate::sync(&log, &kv).unwrap().equal);
    let over: Map = HyperKv::over(&log, Memory::new()).unwrap();
    assert_eq!(list(&over, Select::all()), list(&kv, Select::all()));
    sync(&over, &kv);
    check(&over);
}
