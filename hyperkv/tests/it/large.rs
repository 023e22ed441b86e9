//! Large values: few of them go together, and come back into one row when they are fewer.

use hyperkv::{Select, Write};

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
