//! A writer that gives out a number twice.

use level::{Level, Memory};
use proptest::prelude::*;
use scuttleup::{Event, Evidence, Fork, Log, News, Seq};

use crate::support::{
    Forged, assert_clean, chain, export, group, identity, ids, import, log, log_on_level, sign, take, values,
    verify,
};

/// Both arrive, in this order; returns the log and what it reported.
fn after(groups: &[Vec<Forged>]) -> (Log, Vec<Fork>) {
    let log = log(9);
    let forks = groups.iter().flat_map(|entries| take(&log, group(entries)).unwrap().forks).collect();
    assert_clean(&log);
    (log, forks)
}

#[test]
fn a_fork_in_the_middle_of_a_run_is_kept_reported_and_found_again() {
    let run = chain(1, 5);
    let fork = vec![run[1].next("other 3"), run[1].next("other 3").next("other 4").signed()];
    let (log, reported) = after(&[run.clone(), fork.clone()]);
    assert_eq!(values(&log), ["1", "2", "3", "4", "5", "other 3", "other 4"]);
    let [found] = log.forks().unwrap()[..] else { panic!("one fork") };
    assert_eq!(reported, [found]);
    assert_eq!((found.writer, found.seq), (run[0].writer, Seq(3)));
    assert_eq!((found.lower, found.higher), {
        let (a, b) = (run[2].id(), fork[0].id());
        (a.min(b), a.max(b))
    });
    let both: Vec<_> = log.entries(&run[0].writer, Seq(4)).unwrap().iter().map(|entry| entry.id()).collect();
    assert_eq!(both, [run[3].id(), fork[1].id()]);
    assert_eq!(log.entry(&run[0].writer, Seq(4)).unwrap(), "4", "the one that came first");
    assert_eq!(log.entries(&run[0].writer, Seq(5)).unwrap().len(), 1);
    assert_eq!(log.tips().len(), 2);
}

#[test]
fn a_fork_of_the_first_entry_is_found() {
    let (log, reported) = after(&[chain(1, 2), vec![Forged::first(1, "other").signed()]]);
    assert_eq!(log.forks().unwrap(), reported);
    assert_eq!(reported[0].seq, Seq(1));
}

#[test]
fn a_fork_inside_one_group_is_found() {
    let mut entries = chain(1, 3);
    let fork = entries[0].next("fork").signed();
    entries.push(fork);
    let (log, reported) = after(&[entries]);
    assert_eq!((log.forks().unwrap(), log.tips().len()), (reported, 2));
}

/// A log without forks, and one where a writer with many branches is only one of many: nothing is invented.
#[test]
fn who_does_not_fork_is_not_accused() {
    let (log, reported) = after(&[chain(1, 5), chain(2, 3), chain(3, 1)]);
    assert!(reported.is_empty() && log.forks().unwrap().is_empty());
}

/// A tree of one writer with nested forks and three entries in one place.
fn tree() -> Vec<Vec<Forged>> {
    let trunk = chain(1, 4);
    let left = vec![trunk[1].next("left 3"), trunk[1].next("left 3").next("left 4").signed()];
    let right = vec![trunk[1].next("right 3").signed()];
    let nested = vec![left[0].next("nested 4").signed()];
    let root = vec![Forged::first(1, "other 1").signed()];
    let longer = vec![right[0].next("right 4").signed()];
    vec![trunk, left, right, nested, root, longer, chain(2, 2)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn forks_are_the_same_in_whatever_order_they_came(order in Just((0..7).collect::<Vec<usize>>()).prop_shuffle()) {
        let tree = tree();
        let (reference, _) = after(&tree);
        let log = log(8);
        let mut waiting = order;
        // What cannot be stored yet is tried again, as a peer would send it after what it follows.
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting.retain(|at| take(&log, group(&tree[*at])).is_err());
            prop_assert!(waiting.len() < before, "stuck with {waiting:?}");
        }
        assert_clean(&log);
        prop_assert_eq!(ids(&log), ids(&reference));
        prop_assert_eq!(log.tips(), reference.tips());
        let forks = log.forks().unwrap();
        prop_assert_eq!(forks.len(), 4);
        prop_assert_eq!(&forks, &reference.forks().unwrap());
        for fork in forks {
            prop_assert_eq!(log.evidence(&fork).unwrap().proves(), Some(fork));
        }
    }
}

fn fork_with_evidence() -> (Fork, Evidence) {
    let run = chain(1, 5);
    let (log, _) =
        after(&[run.clone(), vec![run[1].next("other"), run[1].next("other").next("tip").signed()]]);
    let fork = log.forks().unwrap()[0];
    (fork, log.evidence(&fork).unwrap())
}

#[test]
fn evidence_proves_a_fork_to_one_who_has_nothing_else() {
    let (fork, evidence) = fork_with_evidence();
    assert_eq!(evidence.proves(), Some(fork));
    assert_eq!(fork.writer, identity(1).writer());
    let mut lengths = [evidence.lower.headers.len(), evidence.higher.headers.len()];
    lengths.sort_unstable();
    assert_eq!(lengths, [2, 3], "up to the next signature, and no further");
}

#[test]
fn altered_evidence_proves_nothing() {
    let (_, good) = fork_with_evidence();
    type Alter = Box<dyn Fn(&mut Evidence)>;
    let altered: Vec<(&str, Alter)> = vec![
        ("a signature", Box::new(|e| e.lower.signature[3] ^= 1)),
        ("the other's signature", Box::new(|e| e.lower.signature = e.higher.signature)),
        ("a value hash", Box::new(|e| e.higher.headers[0].value_hash[0] ^= 1)),
        ("a number", Box::new(|e| e.higher.headers[0].seq = Seq(9))),
        ("a cut chain", Box::new(|e| drop(e.higher.headers.pop()))),
        ("a chain with a hole", Box::new(|e| drop(e.lower.headers.remove(0)))),
        ("no headers", Box::new(|e| e.lower.headers.clear())),
        ("the same branch twice", Box::new(|e| e.lower = e.higher.clone())),
        ("branches changed over", Box::new(|e| std::mem::swap(&mut e.lower, &mut e.higher))),
        (
            "another writer",
            Box::new(|e| e.lower.headers.iter_mut().for_each(|h| h.writer = identity(2).writer())),
        ),
        (
            "another topic",
            Box::new(|e| {
                e.lower.headers.iter_mut().for_each(|h| h.topic = scuttleup::Topic::from_bytes([1; 32]))
            }),
        ),
    ];
    for (what, alter) in altered {
        let mut evidence = good.clone();
        alter(&mut evidence);
        assert_eq!(evidence.proves(), None, "{what}");
    }
}

/// Two entries that follow each other, or of two writers, are no fork, however well they are signed.
#[test]
fn honest_entries_prove_nothing() {
    let vouched = |entry: &Forged| scuttleup::Vouched {
        headers: vec![entry.header()],
        signature: sign(entry.seed, &entry.id()),
    };
    let (one, other) = (chain(1, 3), chain(2, 3));
    for (a, b) in [(&one[1], &one[2]), (&one[0], &other[0]), (&one[1], &other[1]), (&one[1], &one[1])] {
        for (a, b) in [(a, b), (b, a)] {
            assert_eq!(Evidence { lower: vouched(a), higher: vouched(b) }.proves(), None);
        }
    }
}

/// After a fork both branches go on under the same numbers: that is the old fork, not a new one.
#[test]
fn entries_behind_a_fork_are_no_fork_of_their_own() {
    let vouched = |entry: Forged| scuttleup::Vouched {
        headers: vec![entry.header()],
        signature: sign(entry.seed, &entry.id()),
    };
    let trunk = chain(1, 1);
    let (left, right) = (trunk[0].next("left"), trunk[0].next("right"));
    let prove = |a: &Forged, b: &Forged| {
        let (lower, higher) = if a.id() < b.id() { (a, b) } else { (b, a) };
        Evidence { lower: vouched(lower.clone()), higher: vouched(higher.clone()) }.proves().is_some()
    };
    assert!(prove(&left, &right));
    assert!(!prove(&left.next("more"), &right.next("more")));
}

/// HL-93
#[test]
fn two_copies_of_a_store_that_both_write_go_on_from_their_own_branch() {
    let (one, level) = log_on_level(1);
    one.append_batch(["1", "2"]).unwrap();
    let copy = Memory::new();
    level::copy(&level, &copy).unwrap();
    let two = Log::open(copy, identity(1)).unwrap();
    one.append("one 3").unwrap();
    let third = two.append("two 3").unwrap();
    assert_eq!(third.seq, Seq(3));
    let mut news = one.subscribe();
    let report = import(&one, &export(&two));
    assert_eq!(report.forks.len(), 1);
    assert!(
        std::iter::from_fn(|| news.try_next())
            .any(|news| matches!(news, News::Event(Event::Forked(f)) if f == report.forks[0]))
    );
    import(&two, &export(&one));
    // Each goes on from what it wrote itself.
    for (log, own) in [(&one, "one 3"), (&two, "two 3")] {
        let next = log.append("4").unwrap();
        assert_eq!(next.seq, Seq(4));
        let prev = log.get(&next.id).unwrap().unwrap().header().prev.unwrap();
        assert_eq!(log.get(&prev).unwrap().unwrap().value().bytes().unwrap(), own);
    }
    import(&one, &export(&two));
    import(&two, &export(&one));
    assert_eq!((ids(&one), one.forks().unwrap()), (ids(&two), two.forks().unwrap()));
    assert_eq!(one.forks().unwrap().len(), 1);
    assert_clean(&one);
    assert_clean(&two);
    drop(one);
    let one = Log::open(level, identity(1)).unwrap();
    let next = one.append("5").unwrap();
    assert_eq!(next.seq, Seq(5), "also after reopening");
}

#[test]
fn an_own_entry_that_comes_back_and_continues_is_adopted() {
    let (one, level) = log_on_level(1);
    one.append("1").unwrap();
    let copy = Memory::new();
    level::copy(&level, &copy).unwrap();
    one.append_batch(["2", "3"]).unwrap();
    let two = Log::open(copy.clone(), identity(1)).unwrap();
    import(&two, &export(&one));
    assert_eq!(two.append("4").unwrap().seq, Seq(4));
    assert!(two.forks().unwrap().is_empty());
    // A writer with an empty store goes on from what others kept of it.
    let three = log(1);
    import(&three, &export(&two));
    assert_eq!(three.append("5").unwrap().seq, Seq(5));
    assert_clean(&three);
}

#[test]
fn duplicates_cost_a_lookup_and_no_signature_check() {
    use level::testing::{Failing, Operation};
    let level = Failing::new(Memory::new());
    let log = Log::open(level.clone(), identity(9)).unwrap();
    let bytes = group(&chain(1, 10));
    take(&log, bytes.clone()).unwrap();
    let (applied, read) = (level.count(Operation::Apply), level.count(Operation::Read));
    let mut wrong = chain(1, 10);
    wrong[9].signature = Some([0; 64]);
    let wrong = group(&wrong);
    for bytes in [bytes, wrong] {
        // The wrong signature is not looked at, and not stored either: the entry is here.
        assert_eq!(take(&log, bytes).unwrap().duplicates, 10);
    }
    assert_eq!(level.count(Operation::Apply), applied, "nothing is written");
    assert!(level.count(Operation::Read) - read <= 2 * 30, "{} reads", level.count(Operation::Read) - read);
    assert!(verify(&log, group(&[chain(1, 11).remove(10)])).is_ok());
    let _: &dyn Level = &level;
    assert_clean(&log);
}
