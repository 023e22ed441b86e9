//! Forks of writers, values that are gone or not here yet, and old copies, as seen through the graph.

use std::sync::Arc;

use hyperlog::{
    Change, Content, Durability, Error, Event, Hyperlog, Level, LogError, Memory, MemorySidecar, News,
    NodeId, OpenError, Read, Seq, Sidecar, Utf8,
};

use crate::support::{agreed, check, export, identity, import, nodes, open};

#[test]
fn both_branches_of_a_writer_are_kept_told_and_proved() {
    let one = open(1);
    one.append("shared").unwrap();
    let two = open(1);
    import(&two, &export(&one));
    let (left, right) = (one.append("left").unwrap(), two.append("right").unwrap());
    assert_eq!((left.seq, right.seq), (Seq(2), Seq(2)));
    two.append("right, and on").unwrap();
    let judge = open(3);
    import(&judge, &export(&one));
    let mut events = judge.subscribe();
    let done = import(&judge, &export(&two));
    let forks = judge.forks().unwrap();
    assert_eq!((forks.len(), &done.forks), (1, &forks));
    let fork = forks[0];
    assert_eq!((fork.writer, fork.seq), (one.writer(), Seq(2)));
    assert_eq!([fork.lower, fork.higher], [left.id.min(right.id), left.id.max(right.id)]);
    let told = std::iter::from_fn(|| events.try_next());
    assert_eq!(
        told.filter(|news| matches!(news, News::Event(Event::Fork(told)) if *told == fork)).count(),
        1
    );
    assert_eq!(judge.evidence(&fork).unwrap().proves(), Some(fork));
    assert_eq!(judge.heads().unwrap().len(), 2);
    check(&judge);
    // All replicas agree, and a node that links both branches heals the graph.
    import(&one, &export(&two));
    import(&two, &export(&one));
    assert_eq!(agreed(&one), agreed(&judge));
    assert_eq!(agreed(&two), agreed(&judge));
    let healed = one.append("heals").unwrap();
    assert_eq!(healed.links.len(), 2);
    assert_eq!(one.heads().unwrap(), [healed.id]);
    import(&judge, &export(&one));
    assert_eq!(judge.heads().unwrap(), [healed.id]);
    assert_eq!(judge.forks().unwrap(), forks, "healing does not undo what happened");
    check(&judge);
}

#[test]
fn a_deleted_value_is_gone_and_its_node_is_not() {
    let log = open(1);
    let (a, b) = (log.append("a").unwrap(), log.append("b").unwrap());
    log.del(&a.id).unwrap();
    log.del(&a.id).unwrap();
    let node = log.get(&a.id).unwrap();
    assert_eq!((&node.value, node.value()), (&Content::Deleted, None));
    assert_eq!(log.get(&b.id).unwrap().links, [a.id]);
    assert_eq!(log.heads().unwrap(), [b.id]);
    assert_eq!(log.changes(Read::all()).filter(|node| node.as_ref().unwrap().value().is_some()).count(), 1);
    let checked = log.fsck().unwrap();
    assert_eq!((checked.deleted, checked.is_clean()), (1, true));
    // It does not come back, neither from a copy that has it nor after a restart.
    let other = open(2);
    import(&other, &export(&log));
    check(&log);
}

#[test]
fn a_value_that_was_deleted_elsewhere_is_pending_until_somebody_has_it() {
    let level = Memory::new();
    let (full, bare) = (open(1), open(2));
    let ids: Vec<_> = ["a", "b", "c"].map(|value| full.append(value).unwrap().id).into();
    import(&bare, &export(&full));
    bare.del(&ids[1]).unwrap();
    let log = Hyperlog::<Utf8>::open(level.clone(), identity(3)).unwrap();
    import(&log, &export(&bare));
    assert_eq!(log.get(&ids[1]).unwrap().value, Content::Pending);
    assert_eq!(log.fsck().unwrap().pending, 1);
    check(&log);
    drop(log);
    let log = Hyperlog::<Utf8>::open(level, identity(3)).unwrap();
    let order: Vec<_> = nodes(&log).iter().map(|node| node.id).collect();
    let done = import(&log, &export(&full));
    assert_eq!((done.stored, done.filled), (0, 1));
    assert_eq!(log.get(&ids[1]).unwrap().value(), Some(&"b".to_owned()));
    assert_eq!(nodes(&log).iter().map(|node| node.id).collect::<Vec<_>>(), order, "in its old place");
    check(&log);
    // Where it was deleted it stays so.
    assert_eq!(import(&bare, &export(&full)).filled, 0);
    assert_eq!(bare.get(&ids[1]).unwrap().value, Content::Deleted);
    check(&bare);
}

#[test]
fn an_old_copy_takes_no_adds_until_it_has_caught_up_and_says_what_to_do() {
    let (sidecar, level, old) = (Arc::new(MemorySidecar::default()), Memory::new(), Memory::new());
    let open_at = |level: &Memory| -> Result<Hyperlog<Utf8>, OpenError> {
        let sidecar: Arc<dyn Sidecar> = Arc::clone(&sidecar) as _;
        Hyperlog::options().sidecar(sidecar).open(Arc::new(level.clone()), identity(1))
    };
    let log = open_at(&level).unwrap();
    log.append("kept").unwrap();
    level::copy(&level, &old).unwrap();
    let lost = log.append("lost").unwrap();
    let elsewhere = export(&log);
    drop(log);

    let log = open_at(&old).unwrap();
    let mut events = log.subscribe();
    for error in [
        log.append("x").unwrap_err(),
        log.add(&[], "x").unwrap_err(),
        log.batch([]).unwrap_err(),
        log.check_caught_up().unwrap_err(),
    ] {
        assert!(
            matches!(&error, Error::Log(LogError::NeedsCatchUp { seq: Seq(2), id, .. }) if *id == lost.id)
        );
        let text = error.to_string();
        for advice in ["older", "import", "sync", "identity", "new writer", &lost.id.to_string()] {
            assert!(text.contains(advice), "{advice:?} is not in {text:?}");
        }
    }
    // Each announced node was rejected.
    let told: Vec<_> = std::iter::from_fn(|| events.try_next()).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!((log.last(), log.heads().unwrap().len()), (Change(1), 1), "reading works");
    import(&log, &export(&log));
    log.check_caught_up().unwrap_err();
    import(&log, &elsewhere);
    log.check_caught_up().unwrap();
    let node = log.append("goes on").unwrap();
    assert_eq!((node.seq, node.links), (Seq(3), vec![lost.id]));
    assert_eq!(log.forks().unwrap(), []);
    check(&log);
}

#[test]
fn a_check_finds_nothing_wrong_while_others_add() {
    let log = open(1);
    log.append("first").unwrap();
    std::thread::scope(|scope| {
        let adder = scope.spawn(|| (0..300).for_each(|n| drop(log.add(&[], n.to_string()).unwrap())));
        while !adder.is_finished() {
            let checked = log.fsck().unwrap();
            assert!(checked.is_clean(), "{checked:?}");
        }
    });
    check(&log);
}

/// Changes a row behind the back of a log.
fn tamper(level: &Memory, change: impl FnOnce(&mut level::Batch, level::Sub)) {
    let meta = level.sub("meta").unwrap();
    let mut batch = level::Batch::new();
    change(&mut batch, meta);
    level.apply(batch, Durability::Synced).unwrap();
}

#[test]
fn a_check_sees_heads_that_are_not_those_of_the_nodes() {
    // The rows of heads: `xh` holds the first 32, `xm` and a number each of the others.
    let draw = || {
        let level = Memory::new();
        let log = Hyperlog::<Utf8>::open(level.clone(), identity(1)).unwrap();
        for n in 0..40 {
            log.add(&[], n.to_string()).unwrap();
        }
        (level, log)
    };
    let (_, log) = draw();
    check(&log);
    let missing = [b"xm".as_slice(), &35_u64.to_be_bytes()].concat();
    let foreign = [b"xm".as_slice(), &99_u64.to_be_bytes()].concat();
    type Change<'a> = &'a dyn Fn(&mut level::Batch, level::Sub);
    let wrong: [Change<'_>; 3] = [
        &|batch, meta| batch.del(meta, b"xh".as_slice()),
        &|batch, meta| batch.del(meta, missing.clone()),
        &|batch, meta| batch.put(meta, foreign.clone(), vec![7; 32]),
    ];
    for change in wrong {
        let (level, log) = draw();
        tamper(&level, change);
        let checked = log.fsck().unwrap();
        assert!(checked.problems.iter().any(|problem| problem.what.contains("heads")), "{checked:?}");
    }
    let (level, log) = draw();
    tamper(&level, |batch, meta| batch.put(meta, b"xh".as_slice(), b"short".as_slice()));
    assert!(matches!(log.heads(), Err(Error::Log(LogError::Damaged { .. }))));
    assert!(matches!(log.append("x"), Err(Error::Log(LogError::Damaged { .. }))));
}

#[test]
fn a_check_sees_links_that_lead_nowhere() {
    let level = Memory::new();
    let rogue = crate::rogue::reopen(Arc::new(level.clone()));
    let ext = crate::rogue::ext(0, None, &[NodeId::from_bytes([7; 32])]);
    rogue.transaction::<_, LogError>(None, |transaction| transaction.append(ext.into(), "x".into())).unwrap();
    rogue
        .transaction::<_, LogError>(None, |transaction| transaction.append("junk".into(), "x".into()))
        .unwrap();
    drop(rogue);
    let log = Hyperlog::<Utf8>::open(level, identity(1)).unwrap();
    let checked = log.fsck().unwrap();
    assert_eq!(
        checked.problems.iter().map(|problem| problem.change).collect::<Vec<_>>()[..2],
        [Change(1), Change(2)]
    );
    let read: Vec<_> = log.changes(Read::all()).collect();
    assert!(matches!(read[..], [Ok(_), Err(Error::Log(LogError::Damaged { .. }))]), "{read:?}");
}
