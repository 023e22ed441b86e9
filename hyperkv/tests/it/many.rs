//! Thousands of writers who do not know of each other.

use std::collections::BTreeSet;

use hyperkv::{HyperKv, Memory, NodeId, Select, Utf8, VALUES_MAX, Write};
use hyperlog::Hyperlog;
use level::testing::{Failing, Operation};

use crate::model::check;
use crate::support::{Map, get, identity, open, rebuilt, rows};

/// Writes that have seen nothing, in one batch.
fn scatter(kv: &Map, key: &str, values: usize) -> BTreeSet<NodeId> {
    let writes = (0..values).map(|n| Write::put(key, n.to_string()).links([]));
    kv.batch(writes.collect::<Vec<_>>()).unwrap().into_iter().collect()
}

fn pages(kv: &Map, key: &str, limit: usize) -> Vec<NodeId> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = kv.page(key, after, limit).unwrap();
        assert!(page.len() <= limit);
        let Some(last) = page.last() else { return ids };
        after = Some(last.id);
        ids.extend(page.iter().map(|value| value.id));
    }
}

#[test]
fn ten_thousand_concurrent_values_are_kept_read_by_pages_and_merged_in_steps() {
    let kv = open(1);
    let ids = scatter(&kv, "k", 10_000);
    assert_eq!(ids.len(), 10_000);
    kv.put("l", "beside").unwrap();
    let values = kv.get("k").unwrap();
    assert_eq!((values.len(), values.iter().len()), (10_000, VALUES_MAX));
    assert!(!values.is_whole() && values.is_conflict() && !values.is_deleted() && values.one().is_none());
    assert!(values.ids().eq(ids.iter().copied().take(VALUES_MAX)), "the first by id");
    for limit in [999, 10_000, 20_000] {
        assert!(pages(&kv, "k", limit).iter().eq(&ids));
    }
    assert_eq!(kv.page("k", None, 0).unwrap().len(), 0);
    let listed = kv.list(Select::all()).unwrap().next().unwrap().unwrap();
    assert_eq!(listed.values, values);
    assert_eq!(kv.conflicts(Select::all()).unwrap().count(), 1);
    assert_eq!(
        rows(&kv).len(),
        10_000 + 2 + 1,
        "a row each, those of the two keys, and that of the conflict"
    );
    assert_eq!(rows(&kv), rebuilt(&kv));
    let mut steps = 0;
    while kv.merge("k", |values| Some(values.len().to_string())).unwrap().is_some() {
        steps += 1;
    }
    assert_eq!(steps, 10_000_usize.div_ceil(VALUES_MAX - 1));
    assert_eq!(kv.get("k").unwrap().len(), 1);
    assert_eq!(rows(&kv).len(), 2, "as if nothing had been");
    assert_eq!(kv.history("k").unwrap().count(), 10_000 + steps);
    assert_eq!(rows(&kv), rebuilt(&kv));
    assert_eq!(get(&kv, "l"), "beside");
}

#[test]
fn a_put_supersedes_the_first_256_of_more() {
    let kv = open(1);
    let ids = scatter(&kv, "k", 300);
    let put = kv.put("k", "x").unwrap();
    let links = kv.log().get(&put).unwrap().links;
    assert!(links.iter().eq(ids.iter().take(VALUES_MAX)));
    assert_eq!(kv.get("k").unwrap().len(), 300 - 256 + 1);
    kv.del("k").unwrap();
    assert_eq!(get(&kv, "k"), "-");
    check(&kv);
}

#[test]
fn rows_grow_and_shrink_with_the_values_at_every_bound() {
    // 16 values lie in one row, 17 in rows of their own; up and down again over both.
    for values in [1, 2, 15, 16, 17, 18, 40] {
        let kv = open(1);
        let ids: Vec<_> = scatter(&kv, "k", values).into_iter().collect();
        let expected = if values > 16 { values + 2 } else { 1 + usize::from(values > 1) };
        assert_eq!(rows(&kv).len(), expected, "{values} values");
        check(&kv);
        // One at a time: each supersedes one and stands for it, or supersedes two.
        for pair in ids.windows(2) {
            kv.write(Write::put("k", "x").links(pair.iter().copied())).unwrap();
            assert_eq!(rows(&kv), rebuilt(&kv));
        }
        kv.put("k", "last").unwrap();
        assert_eq!((rows(&kv).len(), get(&kv, "k")), (1, "last".into()));
        check(&kv);
    }
}

#[test]
fn keys_with_many_values_do_not_mix() {
    let kv = open(1);
    let keys = ["a", "ab", "a\0", "b"];
    let ids = keys.map(|key| (key, scatter(&kv, key, 30)));
    for (key, ids) in &ids {
        assert!(kv.get(key).unwrap().ids().eq(ids.iter().copied()));
        assert!(pages(&kv, key, 7).iter().eq(ids));
    }
    kv.put("a", "x").unwrap();
    assert_eq!(
        (get(&kv, "a").as_str(), kv.get("ab").unwrap().len(), kv.get("a\0").unwrap().len()),
        ("x", 30, 30)
    );
    check(&kv);
}

/// Rows that the view reads and writes for `values` values of a key, once there are as many, for ten more.
fn cost_of_ten_more(values: usize) -> (u64, u64) {
    let log = Hyperlog::<Utf8>::open(Memory::new(), identity(1)).unwrap();
    let level = Failing::new(Memory::new());
    let kv: Map = HyperKv::over(&log, level.clone()).unwrap();
    scatter(&kv, "k", values);
    kv.index().ready().unwrap();
    let reads = level.count(Operation::Read);
    for n in 0..10 {
        kv.write(Write::put("k", n.to_string()).links([])).unwrap();
        kv.index().ready().unwrap();
    }
    let cost = level.count(Operation::Read) - reads;
    let bytes =
        rows(&kv).iter().filter(|(key, _)| key.starts_with(b"k")).map(|(_, row)| row.len() as u64).sum();
    (cost, bytes)
}

#[test]
fn one_more_value_costs_the_same_beside_a_hundred_and_beside_thousands() {
    let (small, large) = (cost_of_ten_more(100), cost_of_ten_more(4_000));
    assert_eq!(small, large);
    assert!(small.0 <= 40 && small.1 <= 64, "{small:?} reads for ten values, and bytes of the row");
}
