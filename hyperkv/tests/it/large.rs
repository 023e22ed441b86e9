//! Large values: few of them go together, and come back into one row when they are fewer.

use std::collections::BTreeSet;

use hyperkv::{Select, VALUES_BYTES_MAX, Write};

use crate::model::check;
use crate::support::{conflicts, get, open, rows, sync};

fn large(letter: char, kib: usize) -> String {
    letter.to_string().repeat(kib << 10)
}

#[test]
fn several_large_values_lie_in_rows_of_their_own_and_one_does_not() {
    let kv = open(1);
    let first = kv.put("k", large('a', 100)).unwrap();
    assert_eq!(rows(&kv).len(), 1);
    let second = kv.write(Write::put("k", large('b', 100)).links([])).unwrap();
    let third = kv.write(Write::put("k", large('c', 100)).links([])).unwrap();
    assert_eq!(rows(&kv).len(), 5);
    assert_eq!(get(&kv, "k"), [large('a', 100), large('b', 100), large('c', 100)].join(" "));
    assert_eq!((conflicts(&kv, Select::all()), kv.list(Select::all()).unwrap().count()), ("k".into(), 1));
    check(&kv);
    kv.write(Write::put("k", "small").links([first, second])).unwrap();
    assert_eq!(rows(&kv).len(), 4, "the one that is left is above the bound beside another");
    check(&kv);
    kv.write(Write::put("k", "small too").links([third])).unwrap();
    assert_eq!((rows(&kv).len(), get(&kv, "k")), (2, "small small too".into()));
    check(&kv);
    kv.put("k", large('d', 200)).unwrap();
    assert_eq!((rows(&kv).len(), get(&kv, "k").len()), (1, 200 << 10));
    check(&kv);
}

#[test]
fn a_value_of_a_mebibyte_goes_there_and_back() {
    let (kv, copy) = (open(1), open(2));
    let most = large('x', 1 << 10).split_off(3 + "k".len());
    kv.put("k", most.clone()).unwrap();
    copy.put("k", "beside").unwrap();
    sync(&kv, &copy);
    assert_eq!(kv.get("k").unwrap().len(), 2);
    assert_eq!(kv.get("k").unwrap(), copy.get("k").unwrap());
    assert_eq!(rows(&kv).len(), 4);
    check(&kv);
    check(&copy);
    assert!(
        copy.merge("k", |values| values.values().max_by_key(|value| value.len()).cloned()).unwrap().is_some()
    );
    sync(&kv, &copy);
    assert_eq!((kv.get("k").unwrap().one(), rows(&kv).len()), (Some(&most), 1));
    check(&kv);
}

#[test]
fn values_around_the_bound_of_bytes_are_in_one_row_or_in_many_by_their_sum() {
    // A value in a row has one byte more than what was put.
    let half = 32 << 10;
    for (bytes, expected) in [(half - 1, 2), (half, 4)] {
        let kv = open(1);
        let writes = [half - 1, bytes].map(|bytes| Write::put("k", "x".repeat(bytes)).links([]));
        let ids = kv.batch(writes).unwrap();
        assert_eq!(rows(&kv).len(), expected, "{bytes} bytes");
        check(&kv);
        kv.write(Write::put("k", "").links([ids[1]])).unwrap();
        assert_eq!(rows(&kv).len(), 2);
        check(&kv);
    }
}

#[test]
fn more_bytes_than_are_read_at_once_are_read_by_pages_and_merged_in_steps() {
    let kv = open(1);
    let values = 20;
    let writes = (0..values).map(|_| Write::put("k", large('x', 1023)).links([]));
    let ids: BTreeSet<_> = kv.batch(writes.collect::<Vec<_>>()).unwrap().into_iter().collect();
    let shown = kv.get("k").unwrap();
    assert_eq!((shown.len(), shown.is_whole()), (values, false));
    assert!(shown.values().map(String::len).sum::<usize>() <= VALUES_BYTES_MAX);
    assert!(shown.ids().eq(ids.iter().copied().take(shown.iter().len())) && shown.iter().len() >= 15);
    let rest = kv.page("k", shown.ids().last(), 100).unwrap();
    assert!(shown.ids().chain(rest.iter().map(|value| value.id)).eq(ids.iter().copied()));
    let then = kv.version();
    assert_eq!(kv.at(&then).unwrap().get("k").unwrap(), shown);
    assert_eq!(kv.history("k").unwrap().count(), 20);
    let put = kv.put("k", "small").unwrap();
    assert!(
        kv.log().get(&put).unwrap().links.iter().copied().eq(shown.ids()),
        "what was shown is superseded"
    );
    while kv.merge("k", |_| Some("smaller".into())).unwrap().is_some() {}
    assert_eq!((get(&kv, "k"), rows(&kv).len()), ("smaller".into(), 1));
    assert_eq!(kv.diff(then, kv.version(), Select::all()).unwrap().count(), 1);
}
