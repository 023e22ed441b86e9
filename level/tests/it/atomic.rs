//! What the disk backend works around in its engine.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use level::{Batch, Durability, Fjall, FjallOptions, Level, Read};

use crate::scratch::{Scratch, rows};

/// fjall forgets, at reopening, the sequence numbers that it gave to deletions, and uses the numbers of deleted key
/// spaces again. A new one could then be hidden by the deletion of an old one, and go at the next opening.
#[test]
fn a_removal_never_hides_a_later_sub_level() {
    let scratch = Scratch::new();
    for (removals, others, with_rows) in
        [(1, 0, false), (1, 2, false), (3, 0, true), (4, 2, false), (9, 1, true)]
    {
        let path = scratch.path();
        let put = |level: &Fjall, name: &str| {
            let mut batch = Batch::new();
            batch.put(level.sub(name).unwrap(), "k", "v");
            level.apply(batch, Durability::Synced).unwrap();
        };
        let level = Fjall::open(&path).unwrap();
        for n in 0..others {
            level.sub(&format!("other{n}")).unwrap();
        }
        for n in 0..removals {
            let name = format!("removed{n}");
            level.sub(&name).unwrap();
            if with_rows {
                put(&level, &name);
            }
            assert!(level.remove(&name).unwrap());
        }
        drop(level);
        let level = Fjall::open(&path).unwrap();
        put(&level, "new");
        drop(level);
        let level = Fjall::open(&path).unwrap();
        let found = rows(&level).get("new").map(|rows| rows.len());
        assert_eq!(found, Some(1), "{removals} removals, {others} others, rows: {with_rows}");
        assert_eq!(level.subs().unwrap().len(), 1 + others, "nothing else is listed");
    }
}

/// fjall moves what new snapshots see forward when it flushes, also while a batch is half inserted.
#[test]
fn a_batch_is_seen_whole_or_not_at_all_while_tables_are_written() {
    let scratch = Scratch::new();
    // So small that there is always a table being written.
    let options = FjallOptions { memtable_bytes: 4096, ..FjallOptions::default() };
    let level = Fjall::with(scratch.path(), options).unwrap();
    let subs = ["a", "b", "c"].map(|name| level.sub(name).unwrap());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..3000u32 {
                let mut batch = Batch::new();
                for sub in subs {
                    for key in 0..20u8 {
                        batch.put(sub, vec![key], n.to_be_bytes().to_vec());
                    }
                }
                level.apply(batch, Durability::Buffered).unwrap();
            }
            done.store(true, Relaxed);
        });
        scope.spawn(|| {
            while !done.load(Relaxed) {
                let snapshot = level.snapshot().unwrap();
                let first = snapshot.get(subs[0], &[0]).unwrap();
                for _ in 0..2 {
                    for sub in subs.into_iter().rev() {
                        assert_eq!(
                            snapshot.get(sub, &[19]).unwrap(),
                            first,
                            "a snapshot shows whole batches"
                        );
                    }
                }
                // And what one get has shown, the next, of the live level, does not take back.
                let one = level.get(subs[0], &[0]).unwrap();
                let other = level.get(subs[2], &[19]).unwrap();
                assert!(other >= one, "a batch that was seen in one place is seen everywhere");
            }
        });
    });
}
