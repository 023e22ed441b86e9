//! What a layer above learns and does in a commit.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use level::{Fjall, Level, Memory};
use replicate::{Exchange, Replica, Wants};
use scuttleup::{
    AdmitError, BranchNo, Candidate, Change, Entry, Error, Event, Extension, Input, Known, Log, LogExchange,
    Malformed, Near, News, Place, Read, Rows, Seq, Value,
};

use crate::replica::face::sync;
use crate::support::{
    self, Forged, assert_clean, chain, dump, export, group, identity, import, take, values,
};

type Act = dyn Fn(&[Entry], &mut Rows<'_>) -> Result<(), Error> + Send + Sync;

/// A layer that does what the test says in each commit.
struct Layer(Box<Act>);

impl Extension for Layer {
    fn kind(&self) -> &'static str {
        "scuttleup"
    }

    fn admit(&self, _: &Candidate<'_>, _: &Known<'_>) -> Result<(), AdmitError> {
        Ok(())
    }

    fn store(&self, entries: &[Entry], rows: &mut Rows<'_>) -> Result<(), Error> {
        (self.0)(entries, &mut rows.within(b"below"))
    }

    fn pack(&self, _: &[u8], _: &Near<'_>, _: &mut Vec<u8>) {}

    fn unpack(&self, _: &mut Input, _: &Near<'_>) -> Result<Bytes, Malformed> {
        Ok(Bytes::new())
    }
}

fn layer(
    act: impl Fn(&[Entry], &mut Rows<'_>) -> Result<(), Error> + Send + Sync + 'static,
) -> Arc<dyn Extension> {
    Arc::new(Layer(Box::new(act)))
}

fn place(branch: u32, seq: u64) -> Place {
    Place { branch: BranchNo(branch), seq: Seq(seq) }
}

#[test]
fn a_commit_knows_where_its_own_entries_and_those_before_it_lie() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (told, level) = (Arc::clone(&seen), Memory::new());
    let open = || {
        let told = Arc::clone(&told);
        let look = layer(move |entries, rows| {
            let last = entries.last().unwrap();
            for change in (1..=last.change().0).map(Change) {
                assert_eq!(rows.entry(change)?.place(), rows.place_of(change)?);
                let (place, tip) = (rows.place_of(change)?, last.place());
                let met = (rows.meet(place, tip), rows.below(tip, place.branch));
                told.lock().unwrap().push((place, met.0, met.1));
            }
            let beyond = Change(last.change().0 + 1);
            assert!(matches!(rows.place_of(beyond), Err(Error::Damaged { .. })));
            assert!(matches!(rows.entry(Change(0)), Err(Error::Damaged { .. })));
            Ok(())
        });
        Log::options().extension(look).open(Arc::new(level.clone()), identity(9)).unwrap()
    };
    let told = || std::mem::take(&mut *seen.lock().unwrap());
    let run = chain(1, 3);
    take(&open(), group(&run)).unwrap();
    let on = |n| (place(0, n), Some(place(0, n)), Some(Seq(3)));
    assert_eq!(told(), [on(1), on(2), on(3)]);
    // A fork behind the first, and one of that fork, in one commit of a log that was opened again.
    let fork = run[0].next("fork");
    let (tip, nested) = (fork.next("tip").signed(), fork.next("nested").signed());
    take(&open(), group(&[fork, tip, nested])).unwrap();
    let shared = Some(place(0, 1));
    assert_eq!(
        told(),
        [
            (place(0, 1), shared, Some(Seq(1))),
            (place(0, 2), shared, Some(Seq(1))),
            (place(0, 3), shared, Some(Seq(1))),
            (place(1, 2), Some(place(1, 2)), Some(Seq(2))),
            (place(1, 3), Some(place(1, 2)), Some(Seq(2))),
            (place(2, 3), Some(place(2, 3)), Some(Seq(3))),
        ]
    );
    take(&open(), group(&[Forged::first(2, "another").signed()])).unwrap();
    assert_eq!(told()[5..], [(place(2, 3), None, None), (place(3, 1), Some(place(3, 1)), Some(Seq(1)))]);
}

/// A layer that has no use for values that begin with `-`, wants those back whose numbers stand behind a `+`, and drops
/// what stands behind a `!`.
fn picky() -> Arc<dyn Extension> {
    layer(|entries, rows| {
        for entry in entries {
            let Some(value) = entry.value().bytes() else { continue };
            let text = support::text(Some(value));
            let named = |text: &str| Change(text.parse().unwrap());
            match text.split_at_checked(1) {
                Some(("-", _)) => rows.drop_value(entry.change())?,
                Some(("+", rest)) => rows.want_value(named(rest))?,
                Some(("!", rest)) => rows.drop_value(named(rest))?,
                _ => {}
            }
        }
        Ok(())
    })
}

fn picky_on(level: Arc<dyn Level>) -> Log {
    Log::options().extension(picky()).open(level, identity(9)).unwrap()
}

fn begin(log: &Log) -> LogExchange {
    let mut exchange = log.exchange().unwrap();
    exchange.agree(&Wants::All, &Wants::All);
    exchange
}

/// Asks the other for all that is missing, as a session does; returns how much came.
fn ask(log: &Log, other: &Log) -> usize {
    let (mut asks, answers) = (begin(log), begin(other));
    let wanted = asks.wanted_values(99).unwrap();
    let answer = |id| answers.value(id).unwrap().map(|value| asks.fill(id, value).unwrap());
    wanted.iter().filter_map(answer).filter(|filled| *filled).count()
}

fn fate(log: &Log, change: u64) -> Value {
    log.at(Change(change)).unwrap().unwrap().value().clone()
}

fn here(value: &'static str) -> Value {
    Value::Here(value.into())
}

#[test]
fn a_value_that_is_not_wanted_is_not_stored_not_shown_and_not_asked_for() {
    let (level, full) = (Memory::new(), support::log(1));
    full.append_batch(["1", "-secret", "3"]).unwrap();
    let log = picky_on(Arc::new(level.clone()));
    let mut news = log.subscribe();
    assert_eq!(sync(&full, &log), [3, 0]);
    let mut told = Vec::new();
    while let Some(News::Event(Event::Stored(entry))) = news.try_next() {
        told.push(entry.value().clone());
    }
    assert_eq!(told, [here("1"), Value::Unwanted, here("3")]);
    assert_eq!((fate(&log, 2), fate(&log, 2).bytes()), (Value::Unwanted, None));
    assert_eq!(format!("{:?}", fate(&log, 2)), "Unwanted");
    assert!(matches!(log.entry(&full.writer(), Seq(2)), Err(Error::NotFound { .. })));
    assert!(!dump(&level)["entries"].iter().any(|(_, row)| row.ends_with(b"-secret")));
    assert_eq!((log.pending().count(), ask(&log, &full)), (0, 0));
    // Nor taken when it comes nevertheless.
    let id = log.at(Change(2)).unwrap().unwrap().id();
    assert_eq!(import(&log, &export(&full)).filled, 0);
    assert!(!log.fill(&id, "-secret").unwrap());
    assert_eq!(values(&log), ["1", "-", "3"]);
    let checked = log.fsck().unwrap();
    assert!(checked.is_clean(), "{checked:?}");
    assert_eq!((checked.unwanted, checked.pending, checked.deleted), (1, 0, 0));
    // The control: a row that would have it asked for.
    let row = [b"p".as_slice(), &2u64.to_be_bytes()].concat();
    level.put(level.sub("meta").unwrap(), &row, b"", level::Durability::Buffered).unwrap();
    assert!(!log.fsck().unwrap().is_clean());
}

#[test]
fn a_value_that_is_wanted_again_is_asked_for_and_comes() {
    let dir = tempfile::tempdir().unwrap();
    let open = || picky_on(Arc::new(Fjall::open(dir.path()).unwrap()));
    let full = support::log(1);
    full.append_batch(["1", "-secret", "3"]).unwrap();
    sync(&full, &open());
    assert_eq!(fate(&open(), 2), Value::Unwanted, "it survives reopening");
    // In a later commit, by a process that never had the value.
    let log = open();
    log.append("+2").unwrap();
    assert_eq!(fate(&log, 2), Value::Pending);
    assert_clean(&log);
    drop(log);
    let log = open();
    assert_eq!(log.pending().count(), 1);
    assert_eq!(ask(&log, &full), 1);
    assert_eq!((fate(&log, 2), log.pending().count()), (here("-secret"), 0));
    drop(log);
    let log = open();
    assert_eq!(values(&log), ["1", "-secret", "3", "+2"]);
    // What is here, and what was deleted, is not changed by that it is wanted.
    log.append("+1").unwrap();
    log.del(&full.writer(), Seq(1)).unwrap();
    log.append_batch(["+1", "!1"]).unwrap();
    assert_eq!((fate(&log, 1), fate(&log, 3), log.pending().count()), (Value::Deleted, here("3"), 0));
    assert_clean(&log);
}

#[test]
fn dropping_and_wanting_see_what_the_commit_has_done_so_far() {
    let log = picky_on(Arc::new(Memory::new()));
    // Own values that nobody else has: what was dropped and wanted at once is kept.
    log.append_batch(["-own", "+1"]).unwrap();
    assert_eq!(fate(&log, 1), here("-own"));
    log.append_batch(["!1", "+1"]).unwrap();
    assert_eq!(fate(&log, 1), here("-own"), "also what was stored before");
    log.append_batch(["!1", "+1", "!1"]).unwrap();
    assert_eq!(fate(&log, 1), Value::Unwanted);
    log.append_batch(["+1", "!1", "+1"]).unwrap();
    assert_eq!(fate(&log, 1), Value::Pending);
    assert_eq!(log.pending().count(), 1);
    assert_clean(&log);
    log.append_batch(["!1", "+1"]).unwrap();
    assert_eq!((fate(&log, 1), log.pending().count()), (Value::Pending, 1));
    log.append("!1").unwrap();
    assert_eq!((fate(&log, 1), log.pending().count()), (Value::Unwanted, 0));
    assert_clean(&log);
}

#[test]
fn an_entry_that_came_without_its_value_can_be_not_wanted_and_wanted() {
    let log = picky_on(Arc::new(Memory::new()));
    let hollow = Forged::first(1, "late").hollow();
    let run = [hollow.clone(), hollow.next("!1").signed()];
    take(&log, group(&run)).unwrap();
    assert_eq!((fate(&log, 1), log.pending().count()), (Value::Unwanted, 0));
    assert_clean(&log);
    log.append("+1").unwrap();
    assert_eq!((fate(&log, 1), log.pending().count()), (Value::Pending, 1));
    assert!(log.fill(&hollow.id(), "late").unwrap());
    assert_eq!(fate(&log, 1), here("late"));
    assert_clean(&log);
}

#[test]
fn what_is_not_wanted_goes_out_hollow_and_can_be_deleted() {
    let full = support::log(1);
    full.append_batch(["1", "-secret", "3"]).unwrap();
    let log = picky_on(Arc::new(Memory::new()));
    sync(&full, &log);
    let (imported, synced) = (support::log(3), support::log(4));
    import(&imported, &export(&log));
    sync(&log, &synced);
    for other in [&imported, &synced] {
        assert_eq!(fate(other, 2), Value::Pending);
        assert_eq!((ask(other, &log), ask(other, &full)), (0, 1));
        assert_eq!(fate(other, 2), here("-secret"));
        assert_clean(other);
    }
    log.del(&full.writer(), Seq(2)).unwrap();
    assert_eq!(fate(&log, 2), Value::Deleted);
    log.append_batch(["+2", "!2"]).unwrap();
    assert_eq!(fate(&log, 2), Value::Deleted, "for good");
    assert_eq!(log.read(Read::all()).count(), 5);
    assert_clean(&log);
}

#[test]
fn a_change_that_is_not_there_can_be_neither_dropped_nor_wanted() {
    for act in ["!7", "+7"] {
        let log = picky_on(Arc::new(Memory::new()));
        assert!(matches!(log.append(act), Err(Error::Damaged { .. })), "{act}");
    }
}
