//! What the disk backend has to work around, or rely on, in its engine.
use crate::conforms::Paths;
use level::{Batch, Durability, Fjall, KeyRange, Level, Order, Read};

/// The engine forgets, across reopening, the sequence numbers that it gave to removals. A later sub-level must not be
/// hidden by one of them.
#[test]
fn a_sub_level_is_never_hidden_by_the_removal_of_another() {
    let paths = Paths::new();
    for rows in [false, true] {
        for removals in 1..12 {
            for others in 0..3 {
                let path = paths.next();
                let level = Fjall::open(&path).unwrap();
                for n in 0..others {
                    level.sub(&format!("o{n}")).unwrap();
                }
                for n in 0..removals {
                    let s = level.sub(&format!("r{n}")).unwrap();
                    if rows {
                        let mut b = Batch::new();
                        b.put(s, "k", "v");
                        level.apply(b, Durability::Buffered).unwrap();
                    }
                    level.remove(&format!("r{n}")).unwrap();
                }
                drop(level);
                let level = Fjall::open(&path).unwrap();
                let sub = level.sub("new").unwrap();
                let mut batch = Batch::new();
                batch.put(sub, "k", "v");
                level.apply(batch, Durability::Synced).unwrap();
                drop(level);
                let level = Fjall::open(&path).unwrap();
                let ok = level.subs().unwrap().contains(&"new".to_string());
                let n = if ok {
                    level.range(level.sub("new").unwrap(), KeyRange::all(), Order::Ascending).count()
                } else {
                    0
                };
                if !ok || n != 1 {
                    panic!("LOST: rows {rows} removals {removals} others {others}: {ok} {n}");
                }
            }
        }
    }
}
