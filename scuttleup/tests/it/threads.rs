//! Everything at once.

use std::sync::Arc;

use level::Memory;
use scuttleup::{Limits, Log, Read};

use crate::support::{assert_clean, block_on, export, group, identity, import, log, take};

#[test]
fn threads_that_append_ingest_and_read_at_once_leave_no_gap() {
    const EACH: usize = 60;
    let mut limits = Limits::default();
    (limits.unsynced_bytes_max, limits.read_entries) = (2_000, 7);
    let log = Log::options().limits(limits).open(Arc::new(Memory::new()), identity(1)).unwrap();
    let total = (2 * EACH + 2 * 3 * EACH + 2 * EACH) as u64; // appended alone, in batches, and ingested
    std::thread::scope(|scope| {
        let mut numbers = Vec::new();
        for thread in 0..2 {
            let appender = log.clone();
            numbers.push(scope.spawn(move || {
                (0..EACH).map(|n| appender.append(format!("{thread} {n}")).unwrap().seq.0).collect::<Vec<_>>()
            }));
            let appender = log.clone();
            numbers.push(scope.spawn(move || {
                let batch = |n| {
                    appender.append_batch([format!("{n} a"), format!("{n} b"), format!("{n} c")]).unwrap()
                };
                (0..EACH).flat_map(batch).map(|appended| appended.seq.0).collect()
            }));
        }
        for _ in 0..2 {
            let log = log.clone();
            // Two sessions that bring the same.
            scope.spawn(move || {
                let entries = crate::support::chain(2, 2 * EACH);
                for at in 1..=entries.len() {
                    let mut part = entries[..at].to_vec();
                    part[at - 1] = part[at - 1].clone().signed();
                    take(&log, group(&part[at.saturating_sub(3)..])).unwrap();
                }
            });
        }
        let reader = log.clone();
        scope.spawn(move || {
            for _ in 0..20 {
                assert!(reader.tips().len() <= 2);
                reader.forks().unwrap();
                assert_clean(&reader);
                import(&self::log(3), &export(&reader));
            }
        });
        let live: Vec<_> = (0..2)
            .map(|_| {
                let reader = log.read(Read::all().live(true).limit(total));
                scope.spawn(move || reader.map(|entry| entry.unwrap().change().0).collect::<Vec<_>>())
            })
            .collect();
        let mut asynchronous = log.read(Read::all().live(true).limit(total));
        let last = scope.spawn(move || {
            block_on(async {
                let mut last = 0;
                while let Some(entry) = asynchronous.recv().await {
                    last = entry.unwrap().change().0;
                }
                last
            })
        });
        let mut numbers: Vec<u64> = numbers.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=(8 * EACH) as u64).collect::<Vec<_>>());
        for reader in live {
            assert_eq!(reader.join().unwrap(), (1..=total).collect::<Vec<_>>());
        }
        assert_eq!(last.join().unwrap(), total);
    });
    assert_eq!(log.last().0, total);
    assert!(log.forks().unwrap().is_empty());
    assert_eq!(log.visible(), log.last());
    assert_clean(&log);
}
