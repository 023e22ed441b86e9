//! What a power cut may take, and what it must not; and old copies that are put back.
//!
//! The checker below is shown to find a sidecar that leads, a level that lies about syncing, and a log that
//! forgets what it acknowledged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use level::testing::Crashing;
use level::{Batch, Error as LevelError, KeyRange, Level, Memory, Order, Rows, Sub};
use proptest::prelude::*;
use scuttleup::{Clock, Durability, EntryId, Error, Log, Mark, MemorySidecar, Read, Seq, Sidecar};

use crate::support::{Forged, assert_clean, export, group, identity, import, log, take, values};

/// A level that says it synced, and did not.
#[derive(Clone)]
struct Lying(Crashing, bool);

impl level::Read for Lying {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<bytes::Bytes>, LevelError> {
        self.0.get(sub, key)
    }
    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
        self.0.range(sub, range, order)
    }
}

impl Level for Lying {
    fn sub(&self, name: &str) -> Result<Sub, LevelError> {
        self.0.sub(name)
    }
    fn subs(&self) -> Result<Vec<String>, LevelError> {
        self.0.subs()
    }
    fn remove(&self, name: &str) -> Result<bool, LevelError> {
        self.0.remove(name)
    }
    fn apply(&self, batch: Batch, durability: Durability) -> Result<(), LevelError> {
        self.0.apply(batch, if self.1 { Durability::Buffered } else { durability })
    }
    fn snapshot(&self) -> Result<Arc<dyn level::Read>, LevelError> {
        self.0.snapshot()
    }
}

/// A sidecar that a dead process no longer writes.
struct OfProcess {
    kept: Arc<MemorySidecar>,
    dead: Arc<AtomicBool>,
}

impl Sidecar for OfProcess {
    fn load(&self) -> std::io::Result<Option<Mark>> {
        self.kept.load()
    }
    fn store(&self, mark: &Mark, sync: bool) -> std::io::Result<()> {
        if self.dead.load(Ordering::SeqCst) { Ok(()) } else { self.kept.store(mark, sync) }
    }
}

/// What is wrong with the world under test.
#[derive(Clone, Copy, Default)]
struct Faults {
    level_lies: bool,
    sidecar_early: bool,
}

/// One writer on one machine, and what it was promised.
struct World {
    faults: Faults,
    level: Crashing,
    sidecar: Arc<MemorySidecar>,
    dead: Arc<AtomicBool>,
    log: Option<Log>,
    /// Entries of our own that were said to be durable.
    promised: Vec<EntryId>,
    /// Entries of our own that somebody may have seen.
    seen: Vec<EntryId>,
    foreign: Forged,
}

impl World {
    fn new(faults: Faults) -> Self {
        let mut world = Self {
            faults,
            level: Crashing::new(),
            sidecar: Arc::default(),
            dead: Arc::default(),
            log: None,
            promised: Vec::new(),
            seen: Vec::new(),
            foreign: Forged::first(2, "0").signed(),
        };
        world.open().unwrap();
        world
    }

    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    fn open(&mut self) -> Result<(), String> {
        self.dead = Arc::default();
        let sidecar = OfProcess { kept: self.sidecar.clone(), dead: self.dead.clone() };
        let level: Arc<dyn Level> = Arc::new(Lying(self.level.clone(), self.faults.level_lies));
        let log = Log::options().sidecar(Arc::new(sidecar)).open(level, identity(1));
        self.log = Some(log.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let named = |error: &dyn std::error::Error| error.to_string();
        match step {
            Step::Append(n, durability) => {
                let appended = self.log().transaction::<_, Error>(Some(*durability), |transaction| {
                    (0..*n)
                        .map(|n| transaction.append("".into(), format!("{n}").into()))
                        .collect::<Result<Vec<_>, _>>()
                });
                let appended = appended.map_err(|error| named(&error))?;
                if *durability == Durability::Synced {
                    self.promised.extend(appended.iter().map(|appended| appended.id));
                }
                if self.faults.sidecar_early
                    && let Some(last) = appended.last()
                {
                    let mark = Mark { writer: last.writer, last: Some((last.seq, last.id)), commits: 0 };
                    self.sidecar.store(&mark, true).unwrap();
                }
            }
            Step::Ingest => {
                take(self.log(), group(std::slice::from_ref(&self.foreign)))
                    .map_err(|error| named(&error))?;
                self.foreign = self.foreign.next("more").signed();
            }
            Step::Flush => {
                self.log().flush().map_err(|error| named(&error))?;
                let own = self.own();
                self.promised.extend(own);
            }
            Step::Delete => {
                if self.log().last().0 > 0 {
                    let entry = self.log().at(self.log().last()).unwrap().unwrap();
                    self.log().del_by_id(&entry.id()).map_err(|error| named(&error))?;
                }
            }
            Step::Close => {
                let own = self.own();
                self.log = None;
                self.promised.extend(own);
                self.open()?;
            }
            Step::Crash(keep) => {
                self.dead.store(true, Ordering::SeqCst);
                let after = self.level.crash(*keep);
                self.log = None;
                self.level = after;
                self.open()?;
                // The peer still has what it sent.
                self.foreign = Forged::first(2, "0").signed();
                while self.log().contains(&self.foreign.id()).unwrap() {
                    self.foreign = self.foreign.next("more").signed();
                }
            }
        }
        self.check()
    }

    fn own(&self) -> Vec<EntryId> {
        let log = self.log();
        let own = log.read(Read::all()).map(Result::unwrap).filter(|entry| entry.writer() == log.writer());
        own.map(|entry| entry.id()).collect()
    }

    fn check(&mut self) -> Result<(), String> {
        let own = self.own();
        let log = self.log();
        if let Some(lost) = self.promised.iter().chain(&self.seen).find(|id| !own.contains(id)) {
            return Err(format!("lost {lost}, which was durable or seen"));
        }
        if let Some((seq, id)) = self.sidecar.load().unwrap().and_then(|mark| mark.last)
            && !own.contains(&id)
        {
            return Err(format!("the sidecar leads: it names {seq}"));
        }
        log.check_caught_up().map_err(|error| format!("needs to catch up, for no reason: {error}"))?;
        if !log.forks().unwrap().is_empty()
            || log.tips().iter().filter(|tip| tip.writer == log.writer()).count() > 1
        {
            return Err("forked itself".into());
        }
        if log.visible() > log.last() {
            return Err("sees more than there is".into());
        }
        let mut live = log.read(Read::all().live(true));
        let seen: Vec<EntryId> = std::iter::from_fn(|| live.try_next())
            .map(Result::unwrap)
            .filter(|entry| entry.writer() == log.writer())
            .map(|entry| entry.id())
            .collect();
        if !log.fsck().unwrap().is_clean() {
            return Err("fsck".into());
        }
        self.seen = seen;
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(usize, Durability),
    Ingest,
    Flush,
    Delete,
    Close,
    /// Of the batches that were not synced, so many are kept.
    Crash(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..4usize).prop_map(|n| Step::Append(n, Durability::Buffered)),
        2 => (1..4usize).prop_map(|n| Step::Append(n, Durability::Synced)),
        3 => Just(Step::Ingest),
        1 => Just(Step::Flush),
        1 => Just(Step::Delete),
        1 => Just(Step::Close),
        3 => (0..5usize).prop_map(Step::Crash),
    ]
}

fn run(faults: Faults, steps: &[Step]) -> Result<(), String> {
    let mut world = World::new(faults);
    steps.iter().try_for_each(|step| world.step(step))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn what_was_acknowledged_or_seen_survives_every_crash(steps in prop::collection::vec(step(), 1..25)) {
        prop_assert_eq!(run(Faults::default(), &steps), Ok(()));
    }
}

/// The checker finds what it is for.
#[test]
fn a_level_that_lies_and_a_sidecar_that_is_early_are_caught() {
    use Durability::{Buffered, Synced};
    let steps = [Step::Append(1, Synced), Step::Crash(0)];
    assert_eq!(run(Faults::default(), &steps), Ok(()));
    assert!(run(Faults { level_lies: true, ..Faults::default() }, &steps).unwrap_err().contains("lost"));
    let steps = [Step::Append(1, Synced), Step::Append(1, Buffered), Step::Crash(0)];
    assert_eq!(run(Faults::default(), &steps), Ok(()));
    assert!(
        run(Faults { sidecar_early: true, ..Faults::default() }, &steps)
            .unwrap_err()
            .contains("sidecar leads")
    );
}

/// A writer, and a copy of its database as it was when it had written `old` of `new` entries.
fn restored(old: usize, new: usize) -> (Log, Log, Arc<MemorySidecar>, Memory) {
    let (level, sidecar) = (Memory::new(), Arc::new(MemorySidecar::default()));
    let open = |level: &Memory| {
        Log::options().sidecar(sidecar.clone()).open(Arc::new(level.clone()), identity(1)).unwrap()
    };
    let one = open(&level);
    (0..old).for_each(|n| assert!(one.append(format!("{n}")).is_ok()));
    let copy = Memory::new();
    level::copy(&level, &copy).unwrap();
    (old..new).for_each(|n| assert!(one.append(format!("{n}")).is_ok()));
    let kept = log(7);
    import(&kept, &export(&one));
    drop(one);
    (open(&copy), kept, sidecar.clone(), copy)
}

#[test]
fn an_old_copy_reads_and_imports_and_appends_only_after_it_caught_up() {
    let (log, kept, sidecar, copy) = restored(2, 5);
    let last = kept.entries(&log.writer(), Seq(5)).unwrap()[0].id();
    assert_eq!(log.opened().lost_commits, 3);
    assert!(matches!(log.append("no"), Err(Error::NeedsCatchUp { seq: Seq(5), id, .. }) if id == last));
    assert!(matches!(log.append_batch(["no"]), Err(Error::NeedsCatchUp { .. })));
    assert!(log.check_caught_up().is_err());
    assert_eq!(values(&log), ["0", "1"]);
    // Something else may come, and the guard stays as it was, also after closing and opening again.
    let other = self::log(3);
    other.append("other").unwrap();
    import(&log, &export(&other));
    log.flush().unwrap();
    drop(log);
    assert_eq!(sidecar.load().unwrap().unwrap().last, Some((Seq(5), last)));
    let log = Log::options().sidecar(sidecar.clone()).open(Arc::new(copy.clone()), identity(1)).unwrap();
    assert!(matches!(log.append("no"), Err(Error::NeedsCatchUp { .. })));
    import(&log, &export(&kept));
    assert_eq!(log.append("yes").unwrap().seq, Seq(6));
    assert!(log.forks().unwrap().is_empty());
    assert_eq!(import(&kept, &export(&log)).forks, []);
    assert_eq!(sidecar.load().unwrap().unwrap().last.map(|(seq, _)| seq), Some(Seq(6)));
    assert_clean(&log);
}

#[test]
fn catching_up_in_part_is_not_catching_up() {
    let (log, kept, _, _) = restored(2, 5);
    let four = self::log(3);
    let bytes = export(&kept);
    // A peer that has the fourth, not the fifth.
    let mut entry = Forged::first(1, "0");
    let mut entries = vec![entry.clone()];
    for n in 1..4 {
        entry = entry.next(&format!("{n}"));
        entries.push(entry.clone());
    }
    entries[3] = entries[3].clone().signed();
    take(&four, group(&entries)).unwrap();
    import(&log, &export(&four));
    assert!(matches!(log.append("no"), Err(Error::NeedsCatchUp { seq: Seq(5), .. })));
    // Stored, and the import broke off after it: whether there is more is not known.
    let cut = &bytes[..bytes.len() - 1];
    assert!(log.import(cut).is_err());
    assert!(matches!(log.append("no"), Err(Error::NeedsCatchUp { .. })));
    import(&log, &bytes);
    assert_eq!(log.append("yes").unwrap().seq, Seq(6));
}

#[test]
fn what_others_say_never_stops_a_writer() {
    let log = log(1);
    log.append("1").unwrap();
    // Entries in our name that continue, fork, or are somebody else's.
    let (clone, theirs) = (self::log(1), self::log(2));
    clone.append_batch(["clone 1", "clone 2", "clone 3"]).unwrap();
    theirs.append("x").unwrap();
    import(&log, &export(&clone));
    import(&log, &export(&theirs));
    log.sync_completed().unwrap();
    assert_eq!(log.append("2").unwrap().seq, Seq(2));
}

#[test]
fn a_new_identity_goes_on_in_an_old_copy() {
    let (log, _, sidecar, copy) = restored(1, 3);
    drop(log);
    let log = Log::options().sidecar(sidecar.clone()).open(Arc::new(copy), identity(2)).unwrap();
    assert_eq!(log.append("new").unwrap().seq, Seq(1));
    assert_eq!(sidecar.load().unwrap().unwrap().writer, identity(2).writer());
}

#[test]
fn a_sidecar_that_lags_is_raised_and_one_that_is_lost_is_made_again() {
    let level = Memory::new();
    let sidecar = Arc::new(MemorySidecar::default());
    let open = || Log::options().sidecar(sidecar.clone()).open(Arc::new(level.clone()), identity(1)).unwrap();
    let first = open().append("1").unwrap();
    open().append("2").unwrap();
    sidecar
        .store(&Mark { writer: first.writer, last: Some((first.seq, first.id)), commits: 1 }, true)
        .unwrap();
    let log = open();
    assert_eq!(sidecar.load().unwrap().unwrap().last.map(|(seq, _)| seq), Some(Seq(2)));
    assert_eq!(log.append("3").unwrap().seq, Seq(3));
}

/// A clone of the key forks while we are behind: we go on from what we wrote ourselves.
#[test]
fn after_catching_up_a_forked_writer_goes_on_from_what_it_wrote_here() {
    let (log, kept, sidecar, copy) = restored(2, 5);
    let mut clone = Forged::first(1, "0").next("1").next("clone 2").signed();
    clone.seq = 3;
    take(&log, group(&[clone])).unwrap();
    import(&log, &export(&kept));
    let reopened = |log: Log| {
        drop(log);
        Log::options().sidecar(sidecar.clone()).open(Arc::new(copy.clone()), identity(1)).unwrap()
    };
    let log = reopened(log);
    let next = log.append("5").unwrap();
    assert_eq!(next.seq, Seq(6), "numbers 4 and 5 were given out here before");
    let log = reopened(log);
    assert_eq!(log.append("6").unwrap().seq, Seq(7));
    assert_clean(&log);
}

/// Time that a test moves.
#[derive(Default)]
struct Hands(Mutex<std::time::Duration>);

impl Clock for Hands {
    fn now(&self) -> std::time::Duration {
        *self.0.lock().unwrap()
    }
}

#[test]
fn what_is_buffered_is_synced_by_the_first_operation_a_second_later() {
    let (level, clock) = (Crashing::new(), Arc::new(Hands::default()));
    let options = Log::options().clock(clock.clone()).durability(Durability::Buffered);
    let log = options.open(Arc::new(level.clone()), identity(1)).unwrap();
    log.append("1").unwrap();
    log.append("2").unwrap();
    assert_eq!((level.unsynced(), log.visible().0), (2, 0));
    *clock.0.lock().unwrap() += log.limits().sync_interval;
    log.append("3").unwrap();
    assert_eq!((level.unsynced(), log.visible().0), (1, 2));
    *clock.0.lock().unwrap() += log.limits().sync_interval;
    take(&log, group(&[Forged::first(2, "x").signed()])).unwrap();
    assert_eq!((level.unsynced(), log.visible().0), (0, 4));
}

/// A level that does something while it syncs.
struct Meanwhile {
    level: Memory,
    during: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl level::Read for Meanwhile {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<bytes::Bytes>, LevelError> {
        self.level.get(sub, key)
    }
    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
        self.level.range(sub, range, order)
    }
}

impl Level for Meanwhile {
    fn sub(&self, name: &str) -> Result<Sub, LevelError> {
        self.level.sub(name)
    }
    fn subs(&self) -> Result<Vec<String>, LevelError> {
        self.level.subs()
    }
    fn remove(&self, name: &str) -> Result<bool, LevelError> {
        self.level.remove(name)
    }
    fn apply(&self, batch: Batch, durability: Durability) -> Result<(), LevelError> {
        let during = if durability == Durability::Synced { self.during.lock().unwrap().take() } else { None };
        self.level.apply(batch, durability)?;
        during.into_iter().for_each(|during| during());
        Ok(())
    }
    fn snapshot(&self) -> Result<Arc<dyn level::Read>, LevelError> {
        self.level.snapshot()
    }
}

#[test]
fn what_is_appended_during_a_sync_is_not_shown_by_it_and_not_forgotten() {
    let clock = Arc::new(Hands::default());
    let level = Arc::new(Meanwhile { level: Memory::new(), during: Mutex::new(None) });
    let sidecar = Arc::new(MemorySidecar::default());
    let options =
        Log::options().clock(clock.clone()).durability(Durability::Buffered).sidecar(sidecar.clone());
    let log = options.open(level.clone(), identity(1)).unwrap();
    log.append("1").unwrap();
    let other = log.clone();
    *level.during.lock().unwrap() = Some(Box::new(move || drop(other.append("2").map(drop))));
    log.flush().unwrap();
    assert_eq!((log.last().0, log.visible().0), (2, 1));
    assert_eq!(
        sidecar.load().unwrap().unwrap().last.map(|(seq, _)| seq),
        Some(Seq(1)),
        "the sidecar does not lead"
    );
    *clock.0.lock().unwrap() += log.limits().sync_interval;
    take(&log, group(&[Forged::first(2, "x").signed()])).unwrap();
    assert_eq!(log.visible().0, 3, "it was synced when its time came");
}

/// Threads append until the power is cut; returns what each was told is durable and is not there afterwards.
fn lost_by_threads(faults: Faults, appends_before: usize) -> Vec<EntryId> {
    let level = Crashing::new();
    let sidecar = Arc::new(MemorySidecar::default());
    let log = Log::options().sidecar(sidecar.clone());
    let log = log.open(Arc::new(Lying(level.clone(), faults.level_lies)), identity(1)).unwrap();
    let told = Mutex::new(Vec::new());
    let after = std::thread::scope(|scope| {
        for thread in 0..4 {
            let (log, told) = (&log, &told);
            scope.spawn(move || {
                while let Ok(appended) = log.append_batch([format!("{thread} a"), format!("{thread} b")]) {
                    told.lock().unwrap().extend(appended.iter().map(|appended| appended.id));
                }
            });
        }
        while told.lock().unwrap().len() < appends_before {
            std::thread::yield_now();
        }
        // Whoever was told until here was told before the cut.
        let told = told.lock().unwrap();
        let after = level.crash(1);
        drop(told);
        after
    });
    assert!(matches!(log.append("dead"), Err(Error::Poisoned | Error::Level(_))));
    drop(log);
    let log = Log::open(after, identity(1)).unwrap();
    assert_clean(&log);
    assert_eq!(log.last().0 % 2, 0, "a batch of two is there whole or not at all");
    if !faults.level_lies {
        let mark = sidecar.load().unwrap().unwrap().last;
        assert!(mark.is_none_or(|(_, id)| log.contains(&id).unwrap()), "the sidecar does not lead");
    }
    let next = log.append("next").unwrap();
    assert_eq!(next.seq.0, next.change.0);
    told.into_inner().unwrap().into_iter().filter(|id| !log.contains(id).unwrap()).collect()
}

#[test]
fn what_threads_were_told_is_durable_survives_a_cut_at_any_moment() {
    for appends in [2, 10, 50, 200] {
        assert_eq!(lost_by_threads(Faults::default(), appends), [], "after {appends}");
    }
    let lies = Faults { level_lies: true, ..Faults::default() };
    assert!(!lost_by_threads(lies, 50).is_empty(), "or this test shows nothing");
}

#[test]
fn a_write_that_fails_among_threads_fails_all_who_relied_on_it() {
    use level::testing::{Failing, Operation};
    for n in 0..12 {
        let level = Failing::new(Memory::new());
        let log = Log::open(level.clone(), identity(1)).unwrap();
        level.fail_once(Operation::Apply, n);
        let told: Vec<EntryId> = std::thread::scope(|scope| {
            let appenders: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (0..20).map_while(|_| log.append("x").ok()).map(|a| a.id).collect::<Vec<_>>()
                    })
                })
                .collect();
            appenders.into_iter().flat_map(|appender| appender.join().unwrap()).collect()
        });
        assert!(matches!(log.append("more"), Err(Error::Poisoned)), "{n}");
        drop(log);
        let log = Log::open(level, identity(1)).unwrap();
        assert!(told.iter().all(|id| log.contains(id).unwrap()), "{n}");
        let next = log.append("next").unwrap();
        assert_eq!(next.seq.0, next.change.0, "{n}");
        assert_clean(&log);
    }
}
