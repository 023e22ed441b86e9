//! Levels that fail and crash: no half node, and the heads are always those of the nodes that are there.

use std::sync::Arc;

use hyperlog::{Doc, Durability, Error, Hyperlog, Level, Link, Memory, NodeId, Utf8};
use level::testing::{Crashing, Failing, Operation};

use crate::support::{check, export, identity, import, nodes, open};

fn over(
    level: &(impl Level + Clone + 'static),
    durability: Durability,
) -> Result<Hyperlog<Utf8>, hyperlog::OpenError> {
    Hyperlog::options().durability(durability).open(Arc::new(level.clone()), identity(1))
}

/// Adds of every kind, over 40 heads and fewer, up to the first that fails; gives what was acknowledged.
fn script(log: &Hyperlog<Utf8>, received: &[u8]) -> (Vec<NodeId>, Result<(), Error>) {
    let mut done = Vec::new();
    let result = steps(log, received, &mut done);
    (done, result)
}

fn steps(log: &Hyperlog<Utf8>, received: &[u8], done: &mut Vec<NodeId>) -> Result<(), Error> {
    let root = log.append("root")?;
    done.push(root.id);
    let fan = log.batch(
        (0..40).map(|n| Doc { links: vec![root.id.into()], value: n.to_string() }).collect::<Vec<_>>(),
    )?;
    done.extend(fan.iter().map(|node| node.id));
    done.push(log.add(&[fan[3].id, fan[35].id, fan[39].id], "few")?.id);
    done.push(log.add(&[fan[34].id], "one")?.id);
    let batch = log.batch([
        Doc { links: vec![fan[0].id.into()], value: "first".into() },
        Doc { links: vec![Link::Doc(0), fan[36].id.into()], value: "second".into() },
    ])?;
    done.extend(batch.iter().map(|node| node.id));
    log.import(received).map_err(|_| Error::Log(hyperlog::LogError::Poisoned))?;
    log.del(&fan[7].id)?;
    done.push(log.append("all")?.id);
    done.push(log.append("last")?.id);
    Ok(())
}

fn received() -> Vec<u8> {
    let other = open(2);
    other.append("from elsewhere").unwrap();
    other.append("and on").unwrap();
    export(&other)
}

#[test]
fn whichever_operation_fails_nothing_is_half_there() {
    let received = received();
    for operation in [Operation::Apply, Operation::Read, Operation::Snapshot, Operation::Sub] {
        for lasts in [false, true] {
            let count = {
                let level = Failing::new(Memory::new());
                let log = over(&level, Durability::Synced).unwrap();
                script(&log, &received).1.unwrap();
                level.count(operation)
            };
            // All of the first, then ever fewer.
            let mut n = 0;
            while n < count {
                fail_at(operation, n, lasts, &received);
                n += 1 + n / 40;
            }
        }
    }
}

fn fail_at(operation: Operation, n: u64, lasts: bool, received: &[u8]) {
    let what = format!("{operation:?} {n}, lasts: {lasts}");
    let level = Failing::new(Memory::new());
    if lasts {
        level.fail_from(operation, n);
    } else {
        level.fail_once(operation, n);
    }
    let mut acknowledged = Vec::new();
    if let Ok(log) = over(&level, Durability::Synced) {
        let (done, result) = script(&log, received);
        acknowledged = done;
        level.heal();
        if result.is_err() {
            // Reading works on; and after a failed write no other is taken.
            let was = log.last();
            let again = log.append("after the failure");
            match again {
                Ok(node) => {
                    check(&log);
                    acknowledged.push(node.id);
                }
                Err(Error::Log(hyperlog::LogError::Poisoned)) => assert_eq!(log.last(), was, "{what}"),
                Err(error) => panic!("{what}: {error:?}"),
            }
        }
    }
    level.heal();
    let log = over(&level, Durability::Synced).unwrap();
    check(&log);
    let there = nodes(&log);
    assert!(
        acknowledged.iter().all(|id| there.iter().any(|node| node.id == *id)),
        "{what}: an acknowledged node is gone"
    );
    log.append("goes on").unwrap();
    check(&log);
}

#[test]
fn whatever_a_power_cut_takes_the_heads_are_those_of_what_is_left() {
    let received = received();
    let whole = {
        let level = Crashing::new();
        let log = over(&level, Durability::Buffered).unwrap();
        script(&log, &received).1.unwrap();
        nodes(&log)
    };
    let mut lengths = Vec::new();
    for keep in 0..20 {
        let level = Crashing::new();
        let log = over(&level, Durability::Buffered).unwrap();
        let (_, result) = script_without_syncs(&log);
        result.unwrap();
        let all = nodes(&log);
        let after = level.crash(keep);
        drop(log);
        let log = over(&after, Durability::Buffered).unwrap();
        check(&log);
        let left = nodes(&log);
        assert_eq!(left, all[..left.len()], "a prefix of the local order");
        lengths.push(left.len());
        log.append("goes on").unwrap();
        check(&log);
    }
    assert!(lengths.is_sorted() && lengths.first() == Some(&0), "{lengths:?}");
    lengths.dedup();
    assert_eq!(lengths.len(), 8, "nothing, and one more batch each time");
    assert!(whole.len() > *lengths.last().unwrap());
}

/// Seven batches, none of which waits for the disk.
fn script_without_syncs(log: &Hyperlog<Utf8>) -> ((), Result<(), Error>) {
    let run = || -> Result<(), Error> {
        let root = log.append("root")?;
        let docs = (0..40).map(|n| Doc { links: vec![root.id.into()], value: n.to_string() });
        let fan = log.batch(docs.collect::<Vec<_>>())?;
        log.add(&[fan[3].id, fan[35].id, fan[39].id], "few")?;
        log.add(&[fan[34].id], "one")?;
        log.add(&[fan[36].id, fan[0].id], "two")?;
        log.append("all")?;
        log.append("last")?;
        Ok(())
    };
    ((), run())
}

#[test]
fn what_was_acknowledged_as_synced_survives_any_power_cut() {
    let received = received();
    for steps in 0..8 {
        let level = Crashing::new();
        let log = over(&level, Durability::Synced).unwrap();
        let mut ids = Vec::new();
        for n in 0..steps {
            ids.push(log.append(n.to_string()).unwrap().id);
        }
        let buffered = log.with_durability(Durability::Buffered);
        buffered.append("may be lost").unwrap();
        let after = level.crash(0);
        drop((log, buffered));
        let log = over(&after, Durability::Synced).unwrap();
        check(&log);
        assert_eq!(nodes(&log).iter().map(|node| node.id).collect::<Vec<_>>(), ids);
        import(&log, &received);
        check(&log);
    }
}
