//! Each kind of row, damaged: fsck names it, reading says so, and nothing panics.

use level::{Batch, Durability, Level, Memory, Read as _};
use scuttleup::{Change, Error, Log, Read, Seq};

use crate::support::{Forged, assert_clean, chain, dump, export, group, identity, log_on_level, take};

/// A log with runs, a fork and a value that is missing.
fn honest() -> (Log, Memory) {
    let (log, level) = log_on_level(9);
    log.append_batch((0..4).map(|n| format!("{n}"))).unwrap();
    take(&log, group(&chain(1, 3))).unwrap();
    take(&log, group(&[chain(1, 3)[0].next("fork").signed()])).unwrap();
    take(&log, group(&[Forged::first(2, "hollow").signed().hollow()])).unwrap();
    log.append("last").unwrap();
    log.del(&log.writer(), Seq(1)).unwrap();
    (log, level)
}

fn set(level: &Memory, sub: &str, key: &[u8], row: Option<Vec<u8>>) {
    let sub = level.sub(sub).unwrap();
    let mut batch = Batch::new();
    match row {
        Some(row) => batch.put(sub, key.to_vec(), row),
        None => batch.del(sub, key.to_vec()),
    }
    level.apply(batch, Durability::Synced).unwrap();
}

fn get(level: &Memory, sub: &str, key: &[u8]) -> Vec<u8> {
    level.get(level.sub(sub).unwrap(), key).unwrap().unwrap().to_vec()
}

/// Uses everything that reads; it may fail, and must say `Damaged` when it does.
fn read_everything(log: &Log) {
    let allowed =
        |error: Error| assert!(matches!(error, Error::Damaged { .. } | Error::NotFound { .. }), "{error:?}");
    for reverse in [false, true] {
        log.read(Read::all().reverse(reverse)).filter_map(Result::err).for_each(allowed);
    }
    let mut live = log.read(Read::all().live(true));
    std::iter::from_fn(|| live.try_next()).filter_map(Result::err).for_each(allowed);
    for seed in [9, 1, 2] {
        for seq in 0..7 {
            log.entry(&identity(seed).writer(), Seq(seq)).map(drop).unwrap_or_else(allowed);
        }
    }
    for tip in log.tips() {
        log.get(&tip.id).map(drop).unwrap_or_else(allowed);
    }
    log.pending().try_for_each(|entry| entry.map(drop)).unwrap_or_else(allowed);
    match log.forks() {
        Ok(forks) => forks.iter().for_each(|fork| log.evidence(fork).map(drop).unwrap_or_else(allowed)),
        Err(error) => allowed(error),
    }
    let _ = log.export(&mut std::io::sink());
}

#[test]
fn an_honest_log_is_clean_and_counted() {
    let (log, _) = honest();
    let mut seen = 0;
    let checked = log.fsck_with(|_, _| seen += 1).unwrap();
    assert!(checked.is_clean(), "{checked:#?}");
    assert_eq!((checked.entries, checked.groups, checked.deleted, checked.pending, seen), (10, 5, 1, 1, 10));
    assert_eq!(checked.signatures, 5);
    read_everything(&log);
}

#[test]
fn every_byte_of_every_entry_is_guarded() {
    let (log, level) = honest();
    for (key, row) in dump(&level)["entries"].clone() {
        for at in 0..row.len() {
            // Two groups in one are as good as two: that a mark is gone cannot be seen, and harms nothing.
            let mark = at == 0 && row[0] & 1 == 1;
            let mut damaged = row.to_vec();
            damaged[at] ^= if mark { 0x02 } else { 0x01 };
            set(&level, "entries", &key, Some(damaged));
            let checked = log.fsck().unwrap();
            assert!(!checked.is_clean(), "byte {at} of {key:?} is not noticed");
        }
        for damaged in [Some(Vec::new()), Some([&row[..], b"x"].concat()), Some(vec![0xff; row.len()]), None]
        {
            set(&level, "entries", &key, damaged);
            let checked = log.fsck().unwrap();
            let change = Change(u64::from_be_bytes(key[..].try_into().unwrap()));
            assert!(checked.problems.iter().any(|problem| problem.change == change), "{checked:?}");
            read_everything(&log);
        }
        set(&level, "entries", &key, Some(row.to_vec()));
    }
    assert_clean(&log);
}

#[test]
fn a_missing_or_unreadable_entry_is_an_error_to_every_reader() {
    let (log, level) = honest();
    let good = get(&level, "entries", &3u64.to_be_bytes());
    for row in [None, Some(good[..good.len() - 1].to_vec()), Some(vec![0xff; 200])] {
        set(&level, "entries", &3u64.to_be_bytes(), row);
        for (reverse, before) in [(false, 2), (true, 7)] {
            let read: Vec<_> = log.read(Read::all().reverse(reverse)).collect();
            assert_eq!(read.len(), before + 1, "what comes before, the error, and then the end");
            assert!(read[..before].iter().all(Result::is_ok));
            assert!(matches!(read[before], Err(Error::Damaged { .. })));
        }
        assert!(matches!(log.entry(&log.writer(), Seq(3)), Err(Error::Damaged { .. })));
        assert!(log.export(&mut std::io::sink()).is_err());
    }
    set(&level, "entries", &10u64.to_be_bytes(), None);
    assert!(matches!(log.read(Read::all()).since(9), Some(Err(Error::Damaged { .. }))));
}

trait Since {
    fn since(self, change: u64) -> Option<Result<scuttleup::Entry, Error>>;
}

impl Since for scuttleup::Reader {
    fn since(self, change: u64) -> Option<Result<scuttleup::Entry, Error>> {
        self.into_iter().find(|entry| entry.as_ref().map_or(true, |entry| entry.change().0 > change))
    }
}

#[test]
fn every_other_row_is_guarded() {
    for sub in ["ids", "meta"] {
        let (log, level) = honest();
        for (key, row) in dump(&level)[sub].clone() {
            // The format row and the own branch are looked at when the log is opened.
            if sub == "meta" && (key[0] == b'f' || key[0] == b'o' || key[0] == b'b') {
                continue;
            }
            let mut other = row.to_vec();
            other.last_mut().into_iter().for_each(|byte| *byte ^= 1);
            let longer = [&row[..], b"x"].concat();
            for damaged in [None, Some(longer), Some(vec![0xff; 8]), Some(other)] {
                // A row of a missing value is its key alone.
                if key[0] == b'p' && sub == "meta" && damaged.is_some() {
                    continue;
                }
                set(&level, sub, &key, damaged.clone());
                let checked = log.fsck().unwrap();
                assert!(!checked.is_clean(), "{sub} {key:?} as {damaged:?}");
                read_everything(&log);
            }
            set(&level, sub, &key, Some(row.to_vec()));
        }
        for key in [b"s".to_vec(), b"p".to_vec(), [b"p".as_slice(), &[0; 8]].concat(), vec![7; 32]] {
            if (key[0] == 7) == (sub == "ids") {
                set(&level, sub, &key, Some(vec![0; 8]));
                assert!(!log.fsck().unwrap().is_clean(), "{sub} {key:?} is too much");
                set(&level, sub, &key, None);
            }
        }
        assert_clean(&log);
    }
}

/// The table of branches is read when a log is opened, and everything is counted from there.
#[test]
fn a_damaged_branch_keeps_the_log_from_opening_or_is_found() {
    let (log, level) = honest();
    drop(log);
    let branches: Vec<_> = dump(&level)["meta"].iter().filter(|(key, _)| key[0] == b'b').cloned().collect();
    let mut refused = 0;
    for (key, row) in branches {
        let commits = row.len() - 8;
        for at in 0..row.len() {
            for bits in [0x01, 0xff] {
                let mut damaged = row.to_vec();
                damaged[at] ^= bits;
                set(&level, "meta", &key, Some(damaged));
                match Log::open(level.clone(), identity(9)) {
                    Err(error) => {
                        refused += 1;
                        assert!(error.to_string().contains("damaged"), "{error}");
                    }
                    // How many commits there were cannot be known from anything else.
                    Ok(log) if at < commits => {
                        let checked = log.fsck().unwrap();
                        assert!(!checked.is_clean(), "byte {at} of {key:?}");
                        read_everything(&log);
                    }
                    Ok(log) => read_everything(&log),
                }
            }
        }
        for row in [None, Some(Vec::new()), Some(row[..50].to_vec()), Some(vec![0xff; row.len()])] {
            set(&level, "meta", &key, row);
            match Log::open(level.clone(), identity(9)) {
                Err(error) => assert!(error.to_string().contains("damaged"), "{error}"),
                Ok(log) => assert!(!log.fsck().unwrap().is_clean()),
            }
        }
        set(&level, "meta", &key, Some(row.to_vec()));
    }
    assert!(refused > 10, "{refused}");
    let own = [b"o".as_slice(), identity(9).writer().as_bytes()].concat();
    for row in [vec![0, 0, 0, 1], vec![0, 0, 0, 9], vec![0], Vec::new()] {
        set(&level, "meta", &own, Some(row));
        assert!(Log::open(level.clone(), identity(9)).is_err());
    }
    set(&level, "meta", &own, Some(vec![0; 4]));
    assert_clean(&Log::open(level, identity(9)).unwrap());
}

#[test]
fn problems_are_listed_up_to_a_bound_and_counted_beyond() {
    let (log, level) = log_on_level(1);
    log.append_batch((0..300).map(|n| format!("{n}"))).unwrap();
    for (key, _) in dump(&level)["entries"].clone() {
        set(&level, "entries", &key, Some(vec![0xff]));
    }
    let checked = log.fsck().unwrap();
    assert_eq!(checked.problems.len(), log.limits().problems_max);
    assert!(checked.problems_total > 300);
    assert!(!export_is_fine(&log));
}

fn export_is_fine(log: &Log) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| export(log))).is_ok()
}
