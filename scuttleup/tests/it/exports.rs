//! A log as a stream of bytes, whole, cut and damaged.

use std::sync::Arc;

use level::Memory;
use scuttleup::{GroupError, ImportCause, ImportError, Log, Seq, Topic};

use crate::support::{
    Forged, assert_clean, chain, dump, export, group, identity, ids, import, log, log_on_level, take, values,
};

fn try_import(log: &Log, bytes: &[u8]) -> Result<scuttleup::Imported, ImportError> {
    log.import(bytes)
}

/// Three writers, a fork and a hollow entry, in three groups.
fn small() -> Vec<u8> {
    let log = log(1);
    take(&log, group(&chain(2, 2))).unwrap();
    take(&log, group(&[chain(2, 2)[0].next("fork").signed()])).unwrap();
    take(&log, group(&[Forged::first(3, "hollow").signed().hollow()])).unwrap();
    log.append("mine").unwrap();
    export(&log)
}

/// Offsets of the frames, and of the end.
fn frames(export: &[u8]) -> Vec<usize> {
    let (mut at, mut frames) = (8, vec![8]);
    while at < export.len() {
        at += 5 + u32::from_be_bytes(export[at..at + 4].try_into().unwrap()) as usize;
        frames.push(at);
    }
    frames
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), [kind].as_slice(), body].concat()
}

/// An export with one frame for each group.
fn export_of(groups: &[Vec<u8>], entries: u8) -> Vec<u8> {
    let start = [&[1], Topic::OPEN.discovery_key().as_slice(), b"scuttleup"].concat();
    let groups: Vec<u8> = groups.iter().flat_map(|group| frame(2, group)).collect();
    [b"hlexport".to_vec(), frame(1, &start), groups, frame(3, &[entries])].concat()
}

#[test]
fn concatenated_exports_import_to_the_union_in_any_order_and_twice_changes_nothing() {
    let [a, b, c] = [1, 2, 3].map(|seed| {
        let log = log(seed);
        log.append_batch((0..5).map(|n| format!("{seed} {n}"))).unwrap();
        export(&log)
    });
    let wanted = ids(&{
        let log = log(9);
        [&a, &b, &c].into_iter().for_each(|bytes| drop(import(&log, bytes)));
        log
    });
    assert_eq!(wanted.len(), 15);
    for order in [[&a, &b, &c], [&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]] {
        let (log, level) = log_on_level(9);
        let bytes = order.map(Clone::clone).concat();
        let report = import(&log, &bytes);
        assert_eq!((report.exports, report.stored, report.duplicates), (3, 15, 0));
        assert_eq!(report.bytes, bytes.len() as u64);
        assert_eq!(ids(&log), wanted);
        let before = dump(&level);
        assert_eq!(import(&log, &[bytes.clone(), bytes].concat()).duplicates, 30);
        assert_eq!(dump(&level), before);
        assert_clean(&log);
    }
}

#[test]
fn an_export_of_an_import_is_the_export() {
    let bytes = small();
    let log = log(9);
    import(&log, &bytes);
    assert_eq!(export(&log), bytes);
    let empty = export(&self::log(1));
    assert_eq!(import(&log, &empty).exports, 1);
}

#[test]
fn an_export_that_is_cut_anywhere_is_an_error_and_what_came_before_is_kept() {
    let bytes = small();
    let frames = frames(&bytes);
    for cut in 0..bytes.len() {
        let (log, _) = log_on_level(9);
        let error = try_import(&log, &bytes[..cut]).unwrap_err();
        match &error.cause {
            ImportCause::Empty => assert_eq!(cut, 0),
            ImportCause::Truncated => assert!(cut > 0),
            other => panic!("cut at {cut}: {other}"),
        }
        let start = frames.iter().copied().take_while(|start| *start <= cut).last().unwrap_or(0);
        assert_eq!(error.at, start as u64, "cut at {cut}: where the broken frame begins");
        assert_eq!(error.so_far.stored, log.last().0);
        assert_clean(&log);
        // Whole exports before the cut do not make it better.
        let twice = [&bytes, &bytes[..cut]].concat();
        let again = try_import(&self::log(8), &twice);
        assert_eq!(again.is_ok(), cut == 0, "cut at {cut} after a whole one");
    }
}

#[test]
fn a_flipped_bit_anywhere_stores_nothing_that_was_not_signed() {
    let bytes = small();
    let whole = log(9);
    import(&whole, &bytes);
    let honest = ids(&whole);
    let (mut accepted, mut refused) = (0, 0);
    for at in 0..bytes.len() {
        for bit in [1, 0x80] {
            let mut flipped = bytes.clone();
            flipped[at] ^= bit;
            let log = log(9);
            match try_import(&log, &flipped) {
                Ok(_) => accepted += 1,
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().is_empty());
                }
            }
            assert!(ids(&log).iter().all(|id| honest.contains(id)), "byte {at}");
            assert_clean(&log);
        }
    }
    assert_eq!(accepted, 0, "of {refused}");
}

#[test]
fn frames_that_are_swapped_missing_repeated_or_unknown_are_named() {
    let groups: Vec<Vec<u8>> = {
        let entries = chain(1, 3);
        entries.iter().map(|entry| group(&[entry.clone().signed()])).collect()
    };
    assert_eq!(import(&log(9), &export_of(&groups, 3)).stored, 3);
    let cause = |bytes: Vec<u8>| {
        let log = log(9);
        let error = try_import(&log, &bytes).unwrap_err();
        assert_clean(&log);
        (error.cause, error.so_far.stored)
    };
    let swapped = export_of(&[groups[1].clone(), groups[0].clone(), groups[2].clone()], 3);
    assert!(matches!(cause(swapped), (ImportCause::Group(GroupError::UnknownPrevious { .. }), 0)));
    assert!(matches!(cause(export_of(&groups[..2], 3)), (ImportCause::Incomplete { said: 3, held: 2 }, 2)));
    let missing = export_of(&[groups[0].clone(), groups[2].clone()], 3);
    assert!(matches!(cause(missing), (ImportCause::Group(GroupError::UnknownPrevious { .. }), 1)));
    let good = export_of(&groups, 3);
    let first = frames(&good)[1];
    // A group, or the end, without a start; two starts; an unknown frame.
    for (wrong, stored) in [
        ([&good[..8], &good[first..]].concat(), 0),
        ([&good[..8], &frame(3, &[0])].concat(), 0),
        ([&good[..first], &good[8..]].concat(), 0),
        ([&good[..first], &frame(4, b""), &good[first..]].concat(), 0),
        (export_of(&groups, 3)[..good.len() - 6].iter().copied().chain(frame(3, &[3, 0])).collect(), 3),
    ] {
        let (cause, kept) = cause(wrong);
        assert!(matches!(cause, ImportCause::Malformed(_)), "{cause}");
        assert_eq!(kept, stored);
    }
    let huge = [&good[..8], &[0xff; 5]].concat();
    assert!(matches!(cause(huge), (ImportCause::FrameTooLarge { .. }, 0)));
    assert!(matches!(cause(vec![b'x'; 100]), (ImportCause::NotAnExport, 0)));
    assert!(matches!(cause([good, b"garbage!".to_vec()].concat()), (ImportCause::NotAnExport, 3)));
}

#[test]
fn an_export_of_another_kind_topic_or_version_is_named() {
    let good = small();
    let start = |version: u8, key: [u8; 32], kind: &[u8]| {
        let body = [&[version], key.as_slice(), kind].concat();
        [b"hlexport".to_vec(), frame(1, &body), frame(3, &[0])].concat()
    };
    let key = Topic::OPEN.discovery_key();
    let cause = |bytes: Vec<u8>| try_import(&log(9), &bytes).unwrap_err().cause;
    assert!(try_import(&log(9), &start(1, key, b"scuttleup")).is_ok());
    assert!(matches!(cause(start(2, key, b"scuttleup")), ImportCause::Newer { found: 2 }));
    assert!(
        matches!(cause(start(1, key, b"hyperlog")), ImportCause::OtherKind { found, .. } if found == "hyperlog")
    );
    assert!(matches!(cause(start(1, [0; 32], b"scuttleup")), ImportCause::OtherTopic));
    let other = Log::options().topic(Topic::from_bytes([1; 32]));
    let other = other.open(Arc::new(Memory::new()), identity(9)).unwrap();
    assert!(matches!(try_import(&other, &good).unwrap_err().cause, ImportCause::OtherTopic));
}

/// A pipe that brings a byte at a time, and is interrupted between them.
struct Dribble<'a>(&'a [u8], bool);

impl std::io::Read for Dribble<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let n = out.len().min(1);
        self.0.read(&mut out[..n])
    }
}

#[test]
fn an_import_that_comes_byte_by_byte_is_the_same() {
    let one = log(1);
    one.append(vec![7; 300_000]).unwrap();
    let (bytes, two) = (export(&one), log(2));
    let report = two.import(Dribble(&bytes, false)).unwrap();
    assert_eq!((report.stored, report.bytes), (1, bytes.len() as u64));
    assert_eq!(two.entry(&one.writer(), Seq(1)).unwrap().len(), 300_000);
}

#[test]
fn progress_counts_up_to_the_end() {
    let one = log(1);
    one.append_batch((0..20).map(|_| vec![7; 200_000])).unwrap();
    let (mut out, mut told) = (Vec::new(), Vec::new());
    let exported = one.export_with(&mut out, |done, all| told.push((done, all))).unwrap();
    assert_eq!(told.last(), Some(&(20, 20)));
    assert!(told.len() > 2 && told.is_sorted());
    assert_eq!((exported.entries, exported.bytes), (20, out.len() as u64));
    let mut told = Vec::new();
    log(2).import_with(out.as_slice(), |so_far| told.push(so_far.stored)).unwrap();
    assert!(told.is_sorted() && told.last() == Some(&20));
    assert_eq!(values(&log(3)), Vec::<String>::new());
}
