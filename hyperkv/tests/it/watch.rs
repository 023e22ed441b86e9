//! Being told what changed.

use hyperkv::{Changed, Select, Watch, Write};
use hyperlog::Encoding;

use crate::support::{Map, block_on, get, identity, open, sync};

/// What is known now: keys, and `!` where anything may have changed.
fn told<E: Encoding>(watch: &mut Watch<E>) -> String {
    let mut words = Vec::new();
    while let Some(changed) = watch.try_next() {
        let Changed { keys, any, .. } = changed.unwrap();
        words.extend(keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()));
        words.extend(any.then(|| "!".to_owned()));
    }
    words.join(" ")
}

#[test]
fn a_watch_tells_what_is_written_from_now_on() {
    // HD-42, HK-17: put, del, update and remove are all news of a key.
    let kv = open(1);
    kv.put("a", "1").unwrap();
    let mut watch = kv.watch(Select::all());
    assert_eq!(told(&mut watch), "");
    kv.put("a", "2").unwrap();
    assert_eq!(told(&mut watch), "a");
    kv.del("a").unwrap();
    kv.put("c", "1").unwrap();
    kv.put("b", "1").unwrap();
    assert_eq!(told(&mut watch), "a b c", "several at once, each once");
    kv.log().append("no write").unwrap();
    assert_eq!(told(&mut watch), "");
}

#[test]
fn a_watch_of_some_keys_is_not_told_of_others() {
    // HD-42
    let kv = open(1);
    let mut prefix = kv.watch(Select::all().prefix("a/"));
    let mut exact = kv.watch(Select::all().range("a/1"..="a/1"));
    let mut range = kv.watch(Select::all().gt("a/1").lte("b"));
    for key in ["a", "a/1", "a/2", "b", "c"] {
        kv.put(key, "x").unwrap();
    }
    assert_eq!(told(&mut prefix), "a/1 a/2");
    assert_eq!(told(&mut exact), "a/1");
    assert_eq!(told(&mut range), "a/2 b");
}

#[test]
fn what_comes_from_elsewhere_is_told() {
    // HD-45, HK-17
    let (ana, ben) = (open(1), open(2));
    let mut watch = ana.watch(Select::all());
    ben.put("far", "1").unwrap();
    assert_eq!(told(&mut watch), "");
    sync(&ana, &ben);
    assert_eq!(told(&mut watch), "far");
}

#[test]
fn puts_inside_the_handler_are_told_too() {
    // HD-43
    let kv = open(1);
    let mut watch = kv.watch(Select::all());
    kv.put("n", "0").unwrap();
    for n in 1..=20 {
        let changed = watch.next().unwrap().unwrap();
        assert!(changed.keys.iter().eq(["n"]) && !changed.any);
        kv.put("n", n.to_string()).unwrap();
    }
    assert_eq!(told(&mut watch), "n");
    assert_eq!(kv.get("n").unwrap().one().unwrap(), "20");
}

#[test]
fn a_watch_ends_when_it_is_stopped() {
    // HD-44
    let kv = open(1);
    let watch = kv.watch(Select::all());
    let stop = watch.stop_handle();
    std::thread::scope(|scope| {
        let reader =
            scope.spawn(move || watch.map(Result::unwrap).fold(0, |sum, changed| sum + changed.keys.len()));
        for n in 0..10 {
            kv.put(n.to_string(), "x").unwrap();
        }
        stop.stop();
        assert!(reader.join().unwrap() <= 10);
    });
    let mut watch = kv.watch(Select::all());
    watch.stop_handle().stop();
    assert!(watch.next().is_none() && watch.next().is_none());
    let mut watch = kv.watch(Select::all());
    watch.stop_handle().stop();
    assert!(block_on(watch.recv()).is_none());
}

#[test]
fn a_watch_waits_without_a_thread() {
    let kv = open(1);
    let mut watch = kv.watch(Select::all().prefix("a"));
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || block_on(watch.recv()).unwrap().unwrap());
        kv.put("b", "x").unwrap();
        kv.put("a", "x").unwrap();
        assert!(reader.join().unwrap().keys.iter().eq(["a"]));
    });
}

#[test]
fn a_slow_reader_misses_nothing_of_ten_thousand() {
    let kv = open(1);
    let mut watch = kv.watch(Select::all());
    kv.batch((0..10_000).map(|n| Write::put(format!("{n:05}"), "x")).collect::<Vec<_>>()).unwrap();
    let (mut keys, mut turns) = (0, 0);
    while let Some(changed) = watch.try_next() {
        keys += changed.unwrap().keys.len();
        turns += 1;
    }
    assert!(keys == 10_000 && turns > 1, "{keys} keys in {turns} turns");
}

#[test]
fn all_threads_are_told_of_each_others_writes() {
    let kv = open(1);
    let watches: Vec<_> = (0..4).map(|_| kv.watch(Select::all())).collect();
    std::thread::scope(|scope| {
        let readers = watches.into_iter().map(|mut watch| {
            scope.spawn(move || {
                let mut seen = std::collections::BTreeSet::new();
                while seen.len() < 40 {
                    seen.extend(watch.next().unwrap().unwrap().keys);
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        for thread in 0..4 {
            let kv = kv.clone();
            scope.spawn(move || {
                for n in 0..10 {
                    kv.put(format!("{thread}.{n}"), "x").unwrap();
                }
            });
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn own_writes_are_told_once_they_are_durable() {
    let options = hyperlog::Hyperlog::options().durability(hyperlog::Durability::Buffered);
    let level = hyperkv::Memory::new();
    let log: hyperlog::Hyperlog = options.open(std::sync::Arc::new(level.clone()), identity(1)).unwrap();
    let kv: Map = hyperkv::HyperKv::over(&log, level).unwrap();
    let mut watch = kv.watch(Select::all());
    kv.put("a", "1").unwrap();
    assert_eq!((told(&mut watch), get(&kv, "a")), (String::new(), "1".into()));
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || watch.next().unwrap().unwrap());
        kv.log().flush().unwrap();
        assert!(reader.join().unwrap().keys.iter().eq(["a"]));
    });
}
