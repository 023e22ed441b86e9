//! After a crash, a database holds a prefix of the batches that were applied, or says that it is damaged.

use std::{fs, path::Path};

use level::{Batch, Durability, Error, Fjall, Level};

use crate::scratch::{Random, Rows, Scratch, copy_database, journal, rows};

/// A closed database with a history, what it held after each batch, and the used part of its journal.
struct History {
    scratch: Scratch,
    path: std::path::PathBuf,
    states: Vec<Rows>,
    journal: Vec<u8>,
}

/// What became of a damaged copy.
#[derive(Debug, Default)]
struct Tally {
    whole: usize,
    shorter: usize,
    cut: usize,
    corrupt: usize,
}

impl History {
    /// `batches` over two sub-levels, with values up to `value_max` bytes.
    fn of(random: &mut Random, batches: usize, value_max: usize) -> History {
        let scratch = Scratch::new();
        let path = scratch.path();
        let level = Fjall::open(&path).unwrap();
        let subs = [level.sub("a").unwrap(), level.sub("b").unwrap()];
        let mut states = vec![rows(&level)];
        for n in 0..batches {
            let mut batch = Batch::new();
            // One row that tells the states apart, and rows that come, change and go, in both.
            batch.put(subs[0], "count", n.to_string());
            for _ in 0..1 + random.below(4) {
                let (sub, key) = (subs[random.below(2)], vec![b'k', random.below(8) as u8]);
                match random.below(3) {
                    0 => batch.del(sub, key),
                    _ => batch.put(
                        sub,
                        key,
                        (0..random.below(value_max)).map(|_| 1 + random.below(255) as u8).collect::<Vec<_>>(),
                    ),
                }
            }
            level.apply(batch, Durability::Buffered).unwrap();
            states.push(rows(&level));
        }
        drop(level);
        let mut journal = fs::read(journal(&path)).unwrap();
        let used = journal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        journal.truncate(used);
        History { scratch, path, states, journal }
    }

    /// Opens a copy with another journal, and says how many batches it holds.
    fn with_journal(&self, journal: &[u8], tally: &mut Tally) -> Option<usize> {
        let path = self.scratch.path();
        copy_database(&self.path, &path, journal);
        let batches = self.open(&path, tally);
        fs::remove_dir_all(&path).unwrap();
        batches
    }

    fn open(&self, path: &Path, tally: &mut Tally) -> Option<usize> {
        let level = match Fjall::open(path) {
            Ok(level) => level,
            Err(Error::Corrupt { .. }) => {
                tally.corrupt += 1;
                return None;
            }
            Err(error) => panic!("neither a prefix nor Corrupt: {error:?}"),
        };
        let found = rows(&level);
        let batches = self.states.iter().position(|state| *state == found).expect("a crash leaves a prefix");
        match batches == self.states.len() - 1 {
            _ if level.torn().is_some() => tally.cut += 1,
            true => tally.whole += 1,
            false => tally.shorter += 1,
        }
        // And it can be written, and opened again.
        let sub = level.sub("a").unwrap();
        let mut batch = Batch::new();
        batch.put(sub, "after", "the crash");
        level.apply(batch, Durability::Buffered).unwrap();
        let before = rows(&level);
        drop(level);
        assert!(rows(&Fjall::open(path).unwrap()) == before, "what is written after a crash stays");
        Some(batches)
    }
}

#[test]
fn a_journal_that_ends_anywhere_leaves_a_prefix() {
    let history = History::of(&mut Random::seeded(), 6, 30);
    let mut tally = Tally::default();
    let mut last = 0;
    for end in 0..=history.journal.len() {
        // Every byte of the last batches, some of the others.
        if end % 7 != 0 && end + 150 < history.journal.len() {
            continue;
        }
        let batches = history.with_journal(&history.journal[..end], &mut tally);
        let batches = batches.expect("a journal that was cut is not damaged");
        assert!(batches >= last, "a longer journal holds no fewer batches");
        last = batches;
    }
    assert_eq!(last, 6, "the whole journal holds every batch");
    println!("cut anywhere: {tally:?}");
    assert_eq!((tally.corrupt, tally.cut), (0, 0));
}

#[test]
fn a_journal_that_ends_in_zeros_leaves_a_prefix() {
    let mut random = Random::seeded();
    let history = History::of(&mut random, 12, 6000);
    let mut tally = Tally::default();
    for _ in 0..60 {
        let end = random.below(history.journal.len());
        let mut journal = history.journal.clone();
        journal[end..].fill(0);
        journal.resize(journal.len() + 10_000, 0);
        history.with_journal(&journal, &mut tally).expect("a journal that was cut is not damaged");
    }
    println!("zeros from anywhere: {tally:?}");
    assert_eq!(tally.corrupt, 0);
}

#[test]
fn pages_that_never_reached_the_disk_leave_a_prefix() {
    let mut random = Random::seeded();
    let history = History::of(&mut random, 30, 6000);
    let mut tally = Tally::default();
    for _ in 0..60 {
        let mut journal = history.journal.clone();
        for _ in 0..1 + random.below(3) {
            let page = random.below(journal.len() / 4096) * 4096;
            journal[page..page + 4096].fill(0);
        }
        history.with_journal(&journal, &mut tally).expect("a lost page of an unsynced batch is not damage");
    }
    println!("lost pages: {tally:?}");
    assert_eq!(tally.corrupt, 0);
    assert!(tally.cut > 0, "the engine alone would not have opened some of these");
}

#[test]
fn a_flipped_bit_never_drops_a_batch_that_others_follow() {
    let mut random = Random::seeded();
    let history = History::of(&mut random, 12, 60);
    let mut tally = Tally::default();
    for _ in 0..120 {
        let mut journal = history.journal.clone();
        journal[random.below(history.journal.len())] ^= 1 << random.below(8);
        if let Some(batches) = history.with_journal(&journal, &mut tally) {
            // Only the last may go: it looks like one that a crash tore.
            assert!(batches >= 11, "a flipped bit dropped all after batch {batches}");
        }
    }
    println!("flipped bits: {tally:?}");
    assert!(tally.corrupt > 0);
}

#[test]
fn what_was_cut_off_is_kept() {
    let history = History::of(&mut Random::seeded(), 3, 60);
    let mut journal = history.journal.clone();
    // In the checksum of the last batch.
    let at = journal.len() - 6;
    journal[at] ^= 1;
    let path = history.scratch.path();
    copy_database(&history.path, &path, &journal);
    let level = Fjall::open(&path).unwrap();
    assert!(rows(&level) == history.states[2]);
    let kept = fs::read(level.torn().expect("the end was torn")).unwrap();
    assert!(!kept.is_empty() && journal.ends_with(&kept), "what was cut off is kept");
    drop(level);
    assert_eq!(Fjall::open(&path).unwrap().torn(), None, "it is cut once");
}

#[test]
fn a_damaged_database_is_left_as_it_was() {
    let history = History::of(&mut Random::seeded(), 4, 60);
    let mut damaged = history.journal.clone();
    let middle = damaged.len() / 3;
    damaged[middle..middle + 40].fill(0xaa);
    let path = history.scratch.path();
    copy_database(&history.path, &path, &damaged);
    for _ in 0..2 {
        let error = Fjall::open(&path).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains("restore a backup"), "{error}");
        assert!(fs::read(journal(&path)).unwrap() == damaged, "nothing was changed");
    }
}
