//! Keys and what they hold, as they change.

use hyperkv::{Live, Select, Utf8, Write};

use crate::support::{block_on, open, shown, sync};

/// What is known now: `a=1 b=2|3`.
fn told(live: &mut Live<Utf8>) -> String {
    let mut words = Vec::new();
    while let Some(entry) = live.try_next() {
        let entry = entry.unwrap();
        words.push(format!(
            "{}={}",
            String::from_utf8_lossy(&entry.key),
            shown(&entry.values).replace(' ', "|")
        ));
    }
    words.join(" ")
}

#[test]
fn with_old_all_that_there_is_comes_first() {
    // HK-14, HK-15
    let kv = open(1);
    kv.put("B", "2").unwrap();
    kv.put("A", "1").unwrap();
    let mut live = kv.live(Select::all(), true).unwrap();
    assert_eq!(told(&mut live), "A=1 B=2");
    kv.put("C", "3").unwrap();
    assert_eq!(told(&mut live), "C=3");
    kv.del("A").unwrap();
    assert_eq!(told(&mut live), "A=-");
}

#[test]
fn without_old_only_what_is_new_comes() {
    // HK-14
    let kv = open(1);
    kv.put("A", "1").unwrap();
    let mut live = kv.live(Select::all(), false).unwrap();
    assert_eq!(told(&mut live), "");
    kv.put("C", "3").unwrap();
    kv.put("C", "4").unwrap();
    assert_eq!(told(&mut live), "C=4", "once, as it is now");
}

#[test]
fn conflicts_that_arrive_come_with_all_their_values() {
    let (ana, ben) = (open(1), open(2));
    let mut live = ana.live(Select::all().prefix("k"), true).unwrap();
    assert_eq!(told(&mut live), "");
    ana.put("k", "1").unwrap();
    ben.put("k", "2").unwrap();
    ben.put("other", "2").unwrap();
    assert_eq!(told(&mut live), "k=1");
    sync(&ana, &ben);
    assert_eq!(told(&mut live), "k=1|2");
}

#[test]
fn ranges_directions_and_what_is_deleted_hold_for_old_and_new() {
    let kv = open(1);
    for key in ["a", "b", "c", "d"] {
        kv.put(key, "1").unwrap();
    }
    kv.del("c").unwrap();
    let select = || Select::all().gt("a").reverse(true).without_deleted();
    let mut live = kv.live(select(), true).unwrap();
    assert_eq!(told(&mut live), "d=1 b=1");
    kv.del("b").unwrap();
    kv.put("a", "2").unwrap();
    assert_eq!(told(&mut live), "");
    kv.put("c", "2").unwrap();
    assert_eq!(told(&mut live), "c=2");
}

#[test]
fn a_limit_ends_it_whether_old_or_new() {
    let kv = open(1);
    kv.put("a", "1").unwrap();
    kv.put("b", "1").unwrap();
    let mut live = kv.live(Select::all().limit(3), true).unwrap();
    kv.put("c", "1").unwrap();
    let keys: Vec<_> = live.by_ref().map(|entry| entry.unwrap().key).collect();
    assert_eq!(keys.len(), 3);
    assert!(live.next().is_none() && live.try_next().is_none() && block_on(live.recv()).is_none());
    assert!(kv.live(Select::all().limit(0), true).unwrap().next().is_none());
}

#[test]
fn a_thousand_old_keys_come_in_order_and_what_is_written_meanwhile_comes_too() {
    let kv = open(1);
    kv.batch((0..1000).map(|n| Write::put(format!("{n:04}"), "1")).collect::<Vec<_>>()).unwrap();
    for reverse in [false, true] {
        let mut live = kv.live(Select::all().reverse(reverse), true).unwrap();
        let mut keys = vec![live.next().unwrap().unwrap().key];
        let now = format!("{reverse}");
        kv.put("0500", now.clone()).unwrap();
        while let Some(entry) = live.try_next() {
            let entry = entry.unwrap();
            assert!(entry.key != "0500" || entry.values.one() == Some(&now));
            keys.push(entry.key);
        }
        assert_eq!(keys.pop().unwrap(), "0500", "once as it was found, once as it changed");
        assert_eq!(keys.len(), 1000);
        assert!(if reverse {
            keys.iter().is_sorted_by(|a, b| a > b)
        } else {
            keys.iter().is_sorted_by(|a, b| a < b)
        });
    }
}

#[test]
fn it_waits_with_a_thread_or_without_and_ends_when_it_is_stopped() {
    let kv = open(1);
    let mut live = kv.live(Select::all(), true).unwrap();
    let stop = live.stop_handle();
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let first = live.next().unwrap().unwrap().key;
            let second = block_on(live.recv()).unwrap().unwrap().key;
            let rest = live.map(Result::unwrap).count();
            (first, second, rest)
        });
        kv.put("a", "1").unwrap();
        while !reader.is_finished() {
            kv.put("b", "1").unwrap();
            if kv.log().last().0 > 50 {
                stop.stop();
                break;
            }
        }
        let (first, ..) = reader.join().unwrap();
        assert!(first == "a" || first == "b");
    });
}
