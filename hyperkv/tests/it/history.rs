//! What was ever written.

use hyperkv::{Read, What, Write};
use hyperlog::Seq;

use crate::draw::draw;
use crate::model::check;
use crate::support::{Map, block_on, open, sync, sync_all, three};

/// The values of a key, newest first.
fn history(kv: &Map, key: &str) -> Vec<String> {
    let word = |what: What<String>| what.value().cloned().unwrap_or_else(|| "-".into());
    kv.history(key).unwrap().map(|written| word(written.unwrap().what)).collect()
}

fn keys(kv: &Map, what: Read) -> String {
    let keys = kv.writes(what).map(|written| String::from_utf8_lossy(&written.unwrap().key).into_owned());
    keys.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_write_comes_before_those_that_it_has_seen() {
    // HK-13
    let kv = open(1);
    let drawn = draw(&kv, "A:X=100; B:X=201<-A; C:X=202<-A; D:X=300<-B,C");
    let written: Vec<_> = kv.history("X").unwrap().map(Result::unwrap).collect();
    assert_eq!(drawn.name(&written[0].id), "D");
    assert_eq!(drawn.name(&written[3].id), "A");
    assert_eq!(drawn.names(written.iter().map(|written| written.id)), "A B C D");
    assert_eq!(drawn.names(written[0].links.iter().copied()), "B C");
    let (first, writer) = (&written[3], kv.log().writer());
    assert_eq!((first.writer, first.seq, first.key.as_ref(), first.change.0), (writer, Seq(1), &b"X"[..], 1));
    assert_eq!(first.what, What::Put("100".into()));
    assert_eq!(kv.history("missing").unwrap().count(), 0);
    check(&kv);
}

#[test]
fn the_history_of_a_deleted_key_has_its_name_and_says_so() {
    // HK-22
    let kv = open(1);
    kv.put("k", "1").unwrap();
    kv.write(Write::del("k").fields("why")).unwrap();
    let last = kv.history("k").unwrap().next().unwrap().unwrap();
    assert_eq!((last.key.as_ref(), last.what, last.fields.as_ref()), (&b"k"[..], What::Deleted, &b"why"[..]));
}

#[test]
fn the_history_of_a_key_has_every_write_once_however_paths_cross() {
    let kv = open(1);
    // A ladder: each step has two nodes, each of which has seen both before. 2^20 paths, 40 nodes.
    let mut text = "A0:k=1; B0:k=1".to_owned();
    for n in 1..20 {
        text.push_str(&format!("; A{n}:k=1<-A{0},B{0}; B{n}:k=1<-A{0},B{0}", n - 1));
    }
    draw(&kv, &text);
    assert_eq!(kv.history("k").unwrap().count(), 40);
    assert_eq!(kv.at(hyperkv::Change(2)).unwrap().get("k").unwrap().len(), 2);
    check(&kv);
}

#[test]
fn versions_of_three_writers_come_in_reverse_order() {
    // HD-38
    let maps = three();
    for n in 0..15 {
        maps[n % 3].put("k", n.to_string()).unwrap();
        sync_all(&maps);
    }
    let expected: Vec<_> = (0..15).rev().map(|n| n.to_string()).collect();
    assert!(maps.iter().all(|kv| history(kv, "k") == expected));
    maps.iter().for_each(check);
}

#[test]
fn concurrent_writes_are_in_the_history_of_both_replicas() {
    // HD-38
    let (ana, ben) = (open(1), open(2));
    ana.put("k", "1").unwrap();
    sync(&ana, &ben);
    ana.put("k", "2").unwrap();
    ben.del("k").unwrap();
    sync(&ana, &ben);
    ben.put("k", "3").unwrap();
    sync(&ana, &ben);
    for kv in [&ana, &ben] {
        let mut middle = history(kv, "k");
        assert_eq!((middle.remove(0), middle.pop()), ("3".into(), Some("1".into())));
        middle.sort_unstable();
        assert_eq!(middle, ["-", "2"]);
        check(kv);
    }
}

#[test]
fn all_writes_come_causes_first_forwards_and_last_backwards() {
    // HD-36, HD-37
    let (ana, ben) = (open(1), open(2));
    assert_eq!(keys(&ana, Read::all()), "", "nothing was written");
    ana.put("a1", "x").unwrap();
    ana.put("a2", "x").unwrap();
    sync(&ana, &ben);
    ben.put("b1", "x").unwrap();
    ben.log().append("no write").unwrap();
    ben.put("a1", "y").unwrap();
    sync(&ana, &ben);
    for kv in [&ana, &ben] {
        assert_eq!(keys(kv, Read::all()), "a1 a2 b1 a1");
        assert_eq!(keys(kv, Read::all().reverse(true)), "a1 b1 a2 a1");
        assert_eq!(keys(kv, Read::all().since(hyperkv::Change(2))), "b1 a1");
        assert_eq!(keys(kv, Read::all().since(hyperkv::Change(2)).limit(2)), "b1", "a limit is one of nodes");
        check(kv);
    }
}

#[test]
fn live_writes_go_on_with_what_comes_from_here_and_elsewhere() {
    let (ana, ben) = (open(1), open(2));
    ana.put("old", "x").unwrap();
    let mut writes = ana.writes(Read::all().live(true));
    let mut next = || writes.try_next().map(|written| written.unwrap().key);
    assert_eq!((next(), next()), (Some("old".into()), None));
    ana.log().append("no write").unwrap();
    assert_eq!(next(), None);
    ana.put("new", "x").unwrap();
    ben.put("far", "x").unwrap();
    sync(&ana, &ben);
    assert_eq!((next(), next(), next()), (Some("new".into()), Some("far".into()), None));
    ana.put("waited for", "x").unwrap();
    assert_eq!(block_on(writes.recv()).unwrap().unwrap().key, "waited for");
    let stop = writes.stop_handle();
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || writes.map(|written| written.unwrap().key).collect::<Vec<_>>());
        ana.put("last", "x").unwrap();
        stop.stop();
        assert!(reader.join().unwrap().len() <= 1, "it ends, whether or not it came to the last");
    });
}
