//! Threads of one process: to one another they are one writer.

use hyperkv::{Select, Write};

use crate::model::check;
use crate::support::open;

#[test]
fn batches_and_puts_of_eight_threads_leave_one_value_and_are_all_in_the_history() {
    // HK-12, HK-18, HD-6
    let kv = open(1);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let kv = kv.clone();
            scope.spawn(move || {
                for n in 0..10 {
                    let value = format!("{thread}.{n}");
                    kv.put("A", value.clone()).unwrap();
                    kv.batch([Write::put("A", value.clone()), Write::put("B", value)]).unwrap();
                }
            });
        }
    });
    let (a, b) = (kv.get("A").unwrap(), kv.get("B").unwrap());
    assert_eq!((a.len(), b.len(), kv.conflicts(Select::all()).unwrap().count()), (1, 1, 0));
    assert_eq!((kv.history("A").unwrap().count(), kv.history("B").unwrap().count()), (160, 80));
    // Each has seen the one before it and nothing else: at no time there were two.
    for key in ["A", "B"] {
        let history: Vec<_> = kv.history(key).unwrap().map(Result::unwrap).collect();
        assert!(history.windows(2).all(|pair| pair[0].links == [pair[1].id]));
    }
    check(&kv);
}

#[test]
fn readers_see_no_conflict_that_never_was() {
    let kv = open(1);
    kv.put("A", "0").unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 0..200 {
                kv.put("A", n.to_string()).unwrap();
            }
        });
        let mut last = 0;
        while !writer.is_finished() {
            let values = kv.get("A").unwrap();
            let now: u32 = values.one().unwrap().parse().unwrap();
            assert!(now >= last, "{now} after {last}");
            last = now;
            assert_eq!(kv.list(Select::all()).unwrap().count(), 1);
            let past = kv.at(kv.version()).unwrap();
            assert_eq!(past.get("A").unwrap().len(), 1);
        }
    });
    check(&kv);
}

#[test]
fn a_map_is_read_while_it_is_built_anew() {
    let kv = open(1);
    for n in 0..50 {
        kv.put(n.to_string(), "x").unwrap();
    }
    std::thread::scope(|scope| {
        let builder = scope.spawn(|| (0..20).for_each(|_| kv.reindex(|_| {}).unwrap()));
        while !builder.is_finished() {
            assert_eq!(kv.get("7").unwrap().len(), 1);
            kv.put("7", "y").unwrap();
        }
    });
    check(&kv);
}
