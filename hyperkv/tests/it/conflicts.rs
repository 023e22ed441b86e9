//! Writers who did not know of each other.

use hyperkv::Select;

use crate::draw::{FORKED, draw};
use crate::model::check;
use crate::support::{Map, conflicts, get, list, open, sync, sync_all, three};

fn checked(maps: &[Map]) {
    maps.iter().for_each(check);
}

#[test]
fn concurrent_puts_are_both_kept_until_somebody_who_saw_both_writes() {
    // HD-13, HD-19
    let maps = [open(1), open(2)];
    let [ana, ben] = &maps;
    ana.put("a", "a").unwrap();
    sync(ana, ben);
    ana.put("b", "b").unwrap();
    ben.put("b", "B").unwrap();
    sync(ana, ben);
    assert_eq!((get(ana, "b"), get(ben, "b"), get(ben, "a")), ("B b".into(), "B b".into(), "a".into()));
    ana.put("c", "c").unwrap();
    ben.put("a", "A").unwrap();
    sync(ana, ben);
    assert_eq!(list(ana, Select::all()), "a=A b=B|b c=c", "a put of another key resolves nothing");
    assert_eq!((conflicts(ana, Select::all()), conflicts(ben, Select::all())), ("b".into(), "b".into()));
    ben.put("b", "both").unwrap();
    sync(ana, ben);
    assert_eq!((get(ana, "b"), conflicts(ana, Select::all())), ("both".into(), String::new()));
    checked(&maps);
}

#[test]
fn concurrent_writes_of_other_keys_are_no_conflict() {
    // HD-14: what the original took for the newest is here a conflict if, and only if, it is of one key.
    let maps = [open(1), open(2)];
    let [ana, ben] = &maps;
    ana.put("a", "a").unwrap();
    sync(ana, ben);
    ben.put("a", "b").unwrap();
    ana.put("b", "c").unwrap();
    sync(ana, ben);
    assert_eq!(list(ana, Select::all()), "a=b b=c");
    assert_eq!(list(ben, Select::all()), "a=b b=c");
    checked(&maps);
}

#[test]
fn the_one_who_saw_it_wins_on_all_three_replicas() {
    // HD-15, HD-17
    let maps = three();
    let [ana, ben, cyd] = &maps;
    ana.put("a", "a").unwrap();
    sync_all(&maps);
    ben.put("a", "ab").unwrap();
    for n in 0..50 {
        ana.put(format!("x{n}"), "x").unwrap();
        cyd.put(format!("y{n}"), "y").unwrap();
    }
    sync_all(&maps);
    for kv in &maps {
        assert_eq!((get(kv, "a"), conflicts(kv, Select::all())), ("ab".into(), String::new()));
        assert_eq!(kv.list(Select::all()).unwrap().count(), 101);
    }
    checked(&maps);
}

#[test]
fn a_conflict_stays_while_writers_write_other_keys_apart() {
    // HD-16, HD-31
    let maps = [open(1), open(2)];
    let [ana, ben] = &maps;
    ana.put("1", "1a").unwrap();
    ben.put("1", "1b").unwrap();
    sync(ana, ben);
    ana.put("2", "2").unwrap();
    assert_eq!(list(ana, Select::all()), "1=1a|1b 2=2");
    assert_eq!(list(ben, Select::all()), "1=1a|1b");
    sync(ana, ben);
    assert_eq!(list(ben, Select::all()), "1=1a|1b 2=2");
    checked(&maps);
}

#[test]
fn three_writers_leave_three_values_and_a_part_of_them_can_be_seen() {
    let maps = three();
    let [ana, ben, cyd] = &maps;
    for (kv, value) in maps.iter().zip(["a", "b", "c"]) {
        kv.put("k", value).unwrap();
    }
    sync(ana, ben);
    ana.put("k", "ab").unwrap();
    sync(ben, cyd);
    assert_eq!((get(ana, "k"), get(cyd, "k")), ("ab".into(), "a b c".into()));
    cyd.put("k", "abc").unwrap();
    sync_all(&maps);
    assert!(maps.iter().all(|kv| get(kv, "k") == "ab abc"), "neither knew of the other");
    checked(&maps);
}

#[test]
fn a_thousand_keys_of_two_writers_are_all_there_and_in_no_conflict() {
    // HD-18
    let maps = [open(1), open(2)];
    let [ana, ben] = &maps;
    let puts = |from: usize| (from..1000).step_by(2).map(|n| hyperkv::Write::put(n.to_string(), "x"));
    ana.batch(puts(0)).unwrap();
    ben.batch(puts(1)).unwrap();
    sync(ana, ben);
    assert_eq!(
        (ana.list(Select::all()).unwrap().count(), ben.list(Select::all()).unwrap().count()),
        (1000, 1000)
    );
    assert_eq!(conflicts(ana, Select::all()), "");
    assert_eq!(crate::support::rows(ana), crate::support::rows(ben));
}

#[test]
fn a_put_beside_a_delete_is_shown_with_it() {
    // HD-20, HK-5, HK-19
    let maps = [open(1), open(2)];
    let [ana, ben] = &maps;
    ana.put("foo", "bar").unwrap();
    ben.put("foo", "bar").unwrap();
    ana.del("foo").unwrap();
    ben.put("foo", "box").unwrap();
    sync(ana, ben);
    assert_eq!((get(ana, "foo"), get(ben, "foo")), ("- box".into(), "- box".into()));
    let values = ana.get("foo").unwrap();
    assert!(!values.is_deleted() && values.is_conflict() && values.one().is_none());
    assert_eq!(values.values().collect::<Vec<_>>(), ["box"]);
    assert_eq!(list(ana, Select::all().without_deleted()), "foo=-|box");
    checked(&maps);
}

#[test]
fn a_delete_and_a_put_after_a_fork_leave_two() {
    // HK-6
    let maps = [open(1), open(2)];
    let [ana, ben] = &maps;
    draw(ana, FORKED);
    sync(ana, ben);
    let (del, put) = (ana.del("X").unwrap(), ben.put("X", "111").unwrap());
    sync(ana, ben);
    let mut ids = [del, put];
    ids.sort_unstable();
    assert!(ana.get("X").unwrap().ids().eq(ids));
    assert_eq!((get(ana, "X"), get(ben, "X")), ("- 111".into(), "- 111".into()));
    checked(&maps);
}

#[test]
fn merging_supersedes_what_it_was_shown_and_nothing_else() {
    let maps = [open(1), open(2)];
    let [ana, ben] = &maps;
    ana.put("k", "1").unwrap();
    assert_eq!(ana.merge("k", |_| panic!("nothing to merge")).unwrap(), None);
    assert_eq!(ana.merge("never", |_| panic!("nothing to merge")).unwrap(), None);
    ben.put("k", "2").unwrap();
    sync(ana, ben);
    assert_eq!(ana.merge("k", |_| None).unwrap(), None);
    assert_eq!((get(ana, "k"), ana.log().last().0), ("1 2".into(), 2));
    let sum = |values: &hyperkv::Values<String>| {
        Some(values.values().map(|value| value.parse::<u32>().unwrap()).sum::<u32>().to_string())
    };
    let merged = ana.merge("k", |values| {
        // Comes while it merges: it was not shown.
        ana.write(hyperkv::Write::put("k", "10").links([])).unwrap();
        sum(values)
    });
    assert_eq!(ana.log().get(&merged.unwrap().unwrap()).unwrap().links.len(), 2);
    assert_eq!(get(ana, "k"), "10 3");
    ana.merge("k", sum).unwrap().unwrap();
    assert_eq!(get(ana, "k"), "13");
    checked(&maps);
}

#[test]
fn everybody_picks_the_same_of_several_and_the_others_stay() {
    let maps = three();
    for (kv, value) in maps.iter().zip(["8", "15", "15"]) {
        kv.put("k", value).unwrap();
    }
    sync_all(&maps);
    let number = |value: &String| value.parse::<u32>().unwrap();
    let greatest = maps[0]
        .get("k")
        .unwrap()
        .iter()
        .filter(|value| value.what.value().unwrap() == "15")
        .map(|value| value.id)
        .max();
    for kv in &maps {
        let values = kv.get("k").unwrap();
        let picked = values.pick_by(|one, other| number(one).cmp(&number(other))).unwrap();
        assert_eq!((Some(picked.id), values.len()), (greatest, 3));
    }
}
