//! Rows that the view did not write: an error says so, and indexing anew heals.

use hyperkv::{Error, HyperKv, Memory, Select, Utf8, Write};
use hyperlog::{Durability, Level};
use level::{Batch, Read};

use crate::model::{Model, check};
use crate::support::{Map, get, identity, rebuilt, rows};

/// A map, and its level: `a` has two values, `b` twenty.
fn map() -> (Map, Memory) {
    let level = Memory::new();
    let kv = HyperKv::<Utf8>::open(level.clone(), identity(1)).unwrap();
    kv.batch(["1", "2"].map(|value| Write::put("a", value).links([]))).unwrap();
    kv.batch((0..20).map(|n| Write::put("b", n.to_string()).links([])).collect::<Vec<_>>()).unwrap();
    check(&kv);
    (kv, level)
}

/// Writes a row of the view behind its back; none removes it.
fn tamper(level: &Memory, name: &[u8], row: Option<Vec<u8>>) {
    let (sub, name) = (level.sub("index/kv").unwrap(), [b"v", name].concat());
    let mut batch = Batch::new();
    match row {
        Some(row) => batch.put(sub, name, row),
        None => batch.del(sub, name),
    }
    level.apply(batch, Durability::Buffered).unwrap();
}

fn row(level: &Memory, name: &[u8]) -> Vec<u8> {
    level.get(level.sub("index/kv").unwrap(), &[b"v", name].concat()).unwrap().unwrap().to_vec()
}

#[test]
fn the_checks_see_rows_that_are_not_those_of_the_nodes() {
    // The control of the check that every test ends with.
    for name in [&b"ka"[..], b"kb", b"xa", b"xb"] {
        let (kv, level) = map();
        tamper(&level, name, None);
        assert_ne!(rows(&kv), rebuilt(&kv));
        Model::of(&kv).check(&kv, &[]).unwrap_err();
        kv.reindex(|_| {}).unwrap();
        check(&kv);
    }
}

#[test]
fn a_row_cut_anywhere_is_an_error_and_no_panic() {
    for (name, key) in [(b"ka", "a"), (b"kb", "b")] {
        let (kv, level) = map();
        let whole = row(&level, name);
        for cut in 0..whole.len() {
            tamper(&level, name, Some(whole[..cut].to_vec()));
            assert!(matches!(kv.get(key), Err(Error::Damaged)), "{key} cut at {cut}");
            assert!(matches!(kv.page(key, None, 9), Err(Error::Damaged)));
            assert!(matches!(kv.history(key), Err(Error::Damaged)));
            assert!(matches!(kv.put(key, "x"), Err(Error::Damaged)), "nobody knows what it would supersede");
            assert_eq!(kv.list(Select::all()).unwrap().filter(Result::is_err).count(), 1);
        }
        tamper(&level, name, Some([&whole[..], b"more"].concat()));
        assert!(matches!(kv.get(key), Err(Error::Damaged)));
        assert_eq!(kv.log().last().0, 22);
        kv.reindex(|_| {}).unwrap();
        assert_eq!(kv.get("a").unwrap().len() + kv.get("b").unwrap().len(), 22);
        check(&kv);
    }
}

#[test]
fn what_is_written_over_a_damaged_row_is_there_after_indexing_anew() {
    let (kv, level) = map();
    tamper(&level, b"ka", Some(b"damaged".to_vec()));
    kv.write(Write::put("a", "3").links([])).unwrap();
    kv.put("c", "1").unwrap();
    assert!(matches!(kv.get("a"), Err(Error::Damaged)));
    assert_eq!((get(&kv, "c"), kv.index().skipped().unwrap().count()), ("1".into(), 1));
    kv.reindex(|_| {}).unwrap();
    assert_eq!((get(&kv, "a"), kv.index().skipped().unwrap().count()), ("1 2 3".into(), 0));
    check(&kv);
}
