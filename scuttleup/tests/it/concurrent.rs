//! Group commit under attack: threads whose drafts are committed together, and something that fails among them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use bytes::Bytes;
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use level::testing::{Crashing, Failing, Operation};
use level::{Batch, Error as LevelError, KeyRange, Level, Memory, Order, Rows as LevelRows, Sub};
use scuttleup::{
    AdmitError, Appended, Candidate, Change, Clock, Committed, Durability, Entry, EntryId, Error, Event,
    Extension, Identity, Input, Known, Limits, Log, Malformed, Mark, MemorySidecar, Near, News, Read, Rows,
    Seq, Sidecar, disk::Folder,
};

use crate::support::{Forged, assert_clean, chain, export, group, identity, import, log, take, values};

/// A level that stops in the middle of each sync while it is held, and counts them.
#[derive(Clone)]
struct Held<L> {
    level: L,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    at: Mutex<At>,
    moved: Condvar,
}

#[derive(Default)]
struct At {
    held: bool,
    syncs: usize,
    inside: bool,
}

/// Lets go when it is dropped: also when a test fails, so that it ends.
struct Holding<'a>(&'a Gate);

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.0.at.lock().unwrap().held = false;
        self.0.moved.notify_all();
    }
}

impl<L> Held<L> {
    fn new(level: L) -> Self {
        Self { level, gate: Arc::default() }
    }

    fn hold(&self) -> Holding<'_> {
        self.gate.at.lock().unwrap().held = true;
        Holding(&self.gate)
    }

    fn wait_for_a_sync(&self) {
        let at = self.gate.at.lock().unwrap();
        drop(self.gate.moved.wait_while(at, |at| !at.inside).unwrap());
    }

    fn syncs(&self) -> usize {
        self.gate.at.lock().unwrap().syncs
    }
}

impl<L: Level> level::Read for Held<L> {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, LevelError> {
        self.level.get(sub, key)
    }
    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> LevelRows<'_> {
        self.level.range(sub, range, order)
    }
}

impl<L: Level> Level for Held<L> {
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
        if durability == Durability::Synced {
            let mut at = self.gate.at.lock().unwrap();
            (at.inside, at.syncs) = (true, at.syncs + 1);
            self.gate.moved.notify_all();
            at = self.gate.moved.wait_while(at, |at| at.held).unwrap();
            at.inside = false;
        }
        self.level.apply(batch, durability)
    }
    fn snapshot(&self) -> Result<Arc<dyn level::Read>, LevelError> {
        self.level.snapshot()
    }
}

/// How many drafts wait to be committed.
fn drafts(log: &Log) -> usize {
    let mut count = 0;
    let looked = log.transaction(None, |transaction| {
        count = transaction.drafts().count();
        Err::<(), _>(Error::Poisoned)
    });
    assert!(looked.is_err());
    count
}

fn wait_for_drafts(log: &Log, count: usize) {
    for _ in 0..5_000 {
        if drafts(log) == count {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    panic!("{} drafts, not {count}", drafts(log));
}

/// Each entry is where its append said.
fn assert_in_place<'a>(log: &Log, told: impl IntoIterator<Item = &'a Appended>) {
    for appended in told {
        let entry = log.at(appended.change).unwrap().unwrap();
        assert_eq!((entry.id(), entry.seq()), (appended.id, appended.seq));
        assert_eq!(entry.header().prev, appended.prev);
    }
}

/// Appends a first entry whose sync goes on until the level is let go.
fn stuck_in_a_sync<'scope, 'level>(
    scope: &'scope Scope<'scope, '_>,
    log: &Log,
    level: &'level Held<impl Level>,
) -> (ScopedJoinHandle<'scope, Result<Appended, Error>>, Holding<'level>) {
    let holding = level.hold();
    let first = log.clone();
    let first = scope.spawn(move || first.append("first"));
    level.wait_for_a_sync();
    (first, holding)
}

#[test]
fn drafts_keep_their_places_when_transactions_between_them_fail() {
    let level = Held::new(Memory::new());
    let log = Log::open(level.clone(), identity(1)).unwrap();
    std::thread::scope(|scope| {
        let (first, holding) = stuck_in_a_sync(scope, &log, &level);
        let two = scope.spawn(|| log.append_batch(["a", "b"]));
        wait_for_drafts(&log, 2);
        let failed = log.transaction(None, |transaction| {
            let lost = transaction.append(Bytes::new(), "lost".into())?;
            assert_eq!(lost.change, Change(4));
            assert!(transaction.contains(&lost.id)?);
            transaction.append(Bytes::new(), "lost".into())?;
            Err::<(), _>(Error::Poisoned)
        });
        assert!(failed.is_err());
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            log.transaction::<(), Error>(None, |transaction| {
                transaction.append(Bytes::new(), "lost".into())?;
                panic!("on purpose")
            })
        }));
        assert!(panicked.is_err());
        assert!(log.append(vec![0; (1 << 20) + 1]).is_err());
        let one = scope.spawn(|| log.append("c"));
        wait_for_drafts(&log, 3);
        assert_eq!((log.last(), log.visible()), (Change(1), Change(0)), "a draft is not stored");
        assert_eq!(values(&log), ["first"]);
        drop(holding);
        let told = [
            vec![first.join().unwrap().unwrap()],
            two.join().unwrap().unwrap(),
            vec![one.join().unwrap().unwrap()],
        ]
        .concat();
        assert_eq!(told.iter().map(|appended| appended.seq.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_in_place(&log, &told);
    });
    assert_eq!(values(&log), ["first", "a", "b", "c"]);
    assert_eq!(log.fsck().unwrap().signatures, 2, "those who waited together share a signature");
    assert_clean(&log);
}

#[test]
fn whoever_stores_something_commits_the_drafts_of_others_first() {
    type Write = fn(&Log);
    let writes: [(Write, usize); 3] = [
        (|log| drop(take(log, group(&chain(2, 3)).clone()).unwrap()), 5),
        (
            |log| {
                let append = |transaction: &mut scuttleup::Transaction<'_>| {
                    transaction.append(Bytes::new(), "buffered".into())
                };
                let appended = log.transaction::<_, Error>(Some(Durability::Buffered), append).unwrap();
                assert_eq!(appended.change, Change(3));
            },
            3,
        ),
        // Its other half, which another copy of this writer wrote: a fork, seen as such.
        (
            |log| {
                let elsewhere = Forged::first(1, "first").next("elsewhere").signed();
                let ingested = take(log, group(std::slice::from_ref(&elsewhere))).unwrap();
                assert_eq!((ingested.stored, ingested.forks.len()), (vec![Change(3)], 1));
            },
            3,
        ),
    ];
    for (write, last) in writes {
        let level = Held::new(Memory::new());
        let log = Log::open(level.clone(), identity(1)).unwrap();
        let draft = std::thread::scope(|scope| {
            let (first, holding) = stuck_in_a_sync(scope, &log, &level);
            let draft = scope.spawn(|| log.append("here"));
            wait_for_drafts(&log, 1);
            write(&log);
            assert_eq!((drafts(&log), log.last().0), (0, last as u64));
            assert_eq!(log.visible(), Change(0), "nothing behind what is not durable is shown");
            drop(holding);
            first.join().unwrap().unwrap();
            draft.join().unwrap().unwrap()
        });
        assert_eq!((draft.seq, draft.change), (Seq(2), Change(2)));
        assert_in_place(&log, [&draft]);
        assert!(log.visible() >= draft.change);
        let next = log.append("next").unwrap();
        let continued = log.get(&next.prev.unwrap()).unwrap().unwrap();
        assert!(continued.id() == draft.id || continued.header().prev == Some(draft.id), "its own branch");
        drop(log);
        let log = Log::open(level, identity(1)).unwrap();
        assert_eq!(log.append("after").unwrap().prev, Some(next.id));
        assert_clean(&log);
    }
}

#[test]
fn those_who_flush_while_others_append_share_a_sync() {
    let flushing = AtomicUsize::new(0);
    let level = Held::new(Memory::new());
    let log = Log::open(level.clone(), identity(1)).unwrap();
    std::thread::scope(|scope| {
        let (first, holding) = stuck_in_a_sync(scope, &log, &level);
        let before = level.syncs();
        let draft = scope.spawn(|| log.append("draft"));
        wait_for_drafts(&log, 1);
        let flushes: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    flushing.fetch_add(1, Ordering::SeqCst);
                    log.flush()
                })
            })
            .collect();
        while flushing.load(Ordering::SeqCst) < 8 {
            std::thread::yield_now();
        }
        // Who comes later than this finds everything done, which is fine.
        std::thread::park_timeout(Duration::from_millis(20));
        drop(holding);
        first.join().unwrap().unwrap();
        draft.join().unwrap().unwrap();
        flushes.into_iter().for_each(|flush| flush.join().unwrap().unwrap());
        assert_eq!(level.syncs() - before, 1, "one for the draft, and for all who wait for it");
    });
}

/// A clock that calls somebody the first time it is asked after a sync.
struct Calls {
    syncs: Held<Memory>,
    after: AtomicUsize,
    call: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Clock for Calls {
    fn now(&self) -> Duration {
        if self.syncs.syncs() > self.after.load(Ordering::SeqCst) {
            let call = self.call.lock().unwrap().take();
            call.into_iter().for_each(|call| call());
        }
        Duration::ZERO
    }
}

#[test]
fn who_is_told_that_an_entry_is_durable_can_see_it() {
    let level = Held::new(Memory::new());
    let clock = Calls { syncs: level.clone(), after: AtomicUsize::new(usize::MAX), call: Mutex::default() };
    let clock = Arc::new(clock);
    let options = Log::options().clock(clock.clone()).durability(Durability::Buffered);
    let log = options.open(Arc::new(level.clone()), identity(1)).unwrap();
    log.append("1").unwrap();
    let ((ask, asked), (tell, told)) = (channel(), channel());
    std::thread::scope(|scope| {
        // When the disk has it, somebody else asks for that, too, and looks.
        let other = log.clone();
        scope.spawn(move || {
            asked.recv().unwrap();
            other.flush().unwrap();
            tell.send(other.visible()).unwrap();
        });
        let (early, maybe) = channel();
        *clock.call.lock().unwrap() = Some(Box::new(move || {
            ask.send(()).unwrap();
            // It may have to wait for the end of this sync.
            let seen = told.recv_timeout(Duration::from_millis(100));
            early.send(seen.map_err(|_| told)).unwrap();
        }));
        clock.after.store(level.syncs(), Ordering::SeqCst);
        log.flush().unwrap();
        let seen = maybe.recv().unwrap().unwrap_or_else(|told| told.recv().unwrap());
        assert_eq!(seen, Change(1));
    });
}

#[test]
fn a_sync_that_fails_fails_all_who_waited_and_nobody_waits_for_ever() {
    let failing = Failing::new(Memory::new());
    let level = Held::new(failing.clone());
    let log = Log::open(level.clone(), identity(1)).unwrap();
    std::thread::scope(|scope| {
        let (first, holding) = stuck_in_a_sync(scope, &log, &level);
        let others: Vec<_> = (0..3).map(|_| scope.spawn(|| log.append("draft").map(drop))).collect();
        wait_for_drafts(&log, 3);
        let flush = scope.spawn(|| log.flush());
        failing.fail_once(Operation::Apply, 0);
        drop(holding);
        assert!(matches!(first.join().unwrap(), Err(Error::Level(_))));
        for other in others.into_iter().chain([flush]) {
            assert!(matches!(other.join().unwrap(), Err(Error::Poisoned)));
        }
    });
    assert!(matches!(log.flush(), Err(Error::Poisoned)));
    assert_eq!(log.visible(), Change(0));
    drop(log);
    let log = Log::open(level, identity(1)).unwrap();
    assert_eq!(values(&log), ["first"], "a draft is nowhere but in memory");
    assert_eq!(log.append("next").unwrap().seq, Seq(2));
    assert_clean(&log);
}

/// Signs two times, and refuses the third.
#[derive(Clone)]
struct Moody(SigningKey, Arc<AtomicUsize>);

impl signature::Keypair for Moody {
    type VerifyingKey = VerifyingKey;
    fn verifying_key(&self) -> VerifyingKey {
        self.0.verifying_key()
    }
}

impl signature::Signer<Signature> for Moody {
    fn try_sign(&self, message: &[u8]) -> Result<Signature, signature::Error> {
        match self.1.fetch_add(1, Ordering::SeqCst) % 3 {
            2 => Err(signature::Error::new()),
            _ => self.0.try_sign(message),
        }
    }
}

#[test]
fn a_signer_that_refuses_one_append_refuses_no_other() {
    let moody = Moody(SigningKey::from_bytes(&[1; 32]), Arc::default());
    let level = Memory::new();
    let log = Log::open(level.clone(), Identity::from_signer(moody.clone()).unwrap()).unwrap();
    let (mut told, mut refused) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let each = || (0..30).map(|_| log.append_batch(["x", "y"])).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(each)).collect();
        for result in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            match result {
                Ok(appended) => told.extend(appended),
                Err(Error::Sign(_)) => refused += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
    });
    assert_eq!((told.len(), refused), (2 * 80, 40));
    assert_in_place(&log, &told);
    assert_eq!((log.last(), log.visible()), (Change(160), Change(160)));
    drop(log);
    let log = Log::open(level, identity(1)).unwrap();
    assert_in_place(&log, &told);
    assert_clean(&log);
}

/// A layer above that fails where it is told to, and counts what it hears of.
#[derive(Default)]
struct Layer {
    panics: bool,
    told_nothing: AtomicUsize,
}

impl Extension for Layer {
    fn kind(&self) -> &'static str {
        "scuttleup"
    }
    fn admit(&self, entry: &Candidate<'_>, known: &Known<'_>) -> Result<(), AdmitError> {
        if let Some(prev) = entry.header.prev {
            assert!(known.contains(&prev)? && known.get(&prev)?.is_some());
        }
        Ok(())
    }
    fn store(&self, entries: &[Entry], rows: &mut Rows<'_>) -> Result<(), Error> {
        for entry in entries {
            assert_eq!(rows.change_of(&entry.id())?, Some(entry.change()));
            if entry.value().bytes().is_some_and(|value| value == "bad") {
                assert!(!self.panics, "on purpose");
                return Err(Error::Poisoned);
            }
        }
        Ok(())
    }
    fn committed(&self, committed: &Committed<'_>) {
        if committed.entries.is_empty() && committed.filled.is_empty() {
            self.told_nothing.fetch_add(1, Ordering::SeqCst);
        }
    }
    fn pack(&self, _: &[u8], _: &Near<'_>, _: &mut Vec<u8>) {}
    fn unpack(&self, _: &mut Input, _: &Near<'_>) -> Result<Bytes, Malformed> {
        Ok(Bytes::new())
    }
}

#[test]
fn a_layer_above_that_fails_or_panics_takes_no_acknowledged_entry_with_it() {
    for panics in [false, true] {
        let level = Memory::new();
        let layer = Arc::new(Layer { panics, ..Layer::default() });
        let log = Log::options().extension(layer).open(Arc::new(level.clone()), identity(1)).unwrap();
        let told: Vec<Appended> = std::thread::scope(|scope| {
            let each = |thread: usize| {
                let log = &log;
                move || {
                    let mut told = Vec::new();
                    for n in 0.. {
                        let value = if (thread, n) == (0, 20) { "bad" } else { "good" };
                        match catch_unwind(AssertUnwindSafe(|| log.append(value))) {
                            Ok(Ok(appended)) => told.push(appended),
                            Ok(Err(_)) | Err(_) => break,
                        }
                    }
                    told
                }
            };
            let threads: Vec<_> = (0..4).map(|thread| scope.spawn(each(thread))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert!(told.len() >= 20);
        assert!(matches!(log.append("after"), Err(Error::Poisoned)));
        assert!(matches!(log.flush(), Err(Error::Poisoned)), "a draft may be lost");
        assert_in_place(&log, &told);
        drop(log);
        let log = Log::open(level, identity(1)).unwrap();
        assert_in_place(&log, &told);
        let next = log.append("next").unwrap();
        assert_eq!(next.seq.0, next.change.0);
        assert_clean(&log);
    }
}

#[test]
fn what_is_deleted_is_not_kept_to_be_told() {
    let layer = Arc::new(Layer::default());
    let log = Log::options().extension(layer.clone()).open(Arc::new(Memory::new()), identity(1)).unwrap();
    let appended = log.append_batch(["a", "b", "c"]).unwrap();
    appended.iter().for_each(|appended| assert!(log.del_by_id(&appended.id).unwrap()));
    log.append("d").unwrap();
    assert_eq!(layer.told_nothing.load(Ordering::SeqCst), 0);
}

#[test]
fn each_entry_is_told_once_and_in_order_whoever_tells_it() {
    let mut limits = Limits::default();
    (limits.events_max, limits.unsynced_bytes_max) = (10_000, 1_000);
    let log = Log::options().limits(limits).open(Arc::new(Memory::new()), identity(1)).unwrap();
    let mut events = log.subscribe();
    let foreign = chain(2, 40);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let log = &log;
            scope.spawn(move || {
                let durability = if thread == 0 { Durability::Buffered } else { Durability::Synced };
                for n in 0..40 {
                    let appended = log
                        .transaction::<_, Error>(Some(durability), |transaction| {
                            transaction.append(Bytes::new(), format!("{thread} {n}").into())
                        })
                        .unwrap();
                    if n % 5 == 0 {
                        log.del_by_id(&appended.id).unwrap();
                    }
                }
            });
        }
        scope.spawn(|| {
            for at in 1..=foreign.len() {
                let last = foreign[at - 1].clone().signed();
                take(&log, group(std::slice::from_ref(&last))).unwrap();
            }
        });
    });
    let mut told = Vec::new();
    while let Some(news) = events.try_next() {
        match news {
            News::Event(Event::Stored(entry)) => told.push(entry.change().0),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, (1..=160).collect::<Vec<_>>());
}

/// A sidecar on a disk that fails at every third write.
#[derive(Default)]
struct Shaky(MemorySidecar, AtomicUsize);

impl Sidecar for Shaky {
    fn load(&self) -> std::io::Result<Option<Mark>> {
        self.0.load()
    }
    fn store(&self, mark: &Mark, sync: bool) -> std::io::Result<()> {
        match self.1.fetch_add(1, Ordering::SeqCst) % 3 {
            2 => Err(std::io::Error::other("failed on purpose")),
            _ => self.0.store(mark, sync),
        }
    }
}

/// What threads of all kinds were told while the level failed at some moment, then the power.
fn fails_then_loses_power(nth: u64) {
    let crashing = Crashing::new();
    let level = Failing::new(crashing.clone());
    let sidecar = Arc::new(Shaky::default());
    let options = Log::options().sidecar(sidecar.clone()).durability(Durability::Buffered);
    let log = options.open(Arc::new(level.clone()), identity(1)).unwrap();
    let mut live = log.read(Read::all().live(true));
    level.fail_once(Operation::Apply, nth);
    let foreign = chain(2, 12);
    let done = AtomicBool::new(false);
    let (durable, stored, shown) = std::thread::scope(|scope| {
        let synced = || {
            let append = |n: usize| {
                log.transaction::<_, Error>(Some(Durability::Synced), |transaction| {
                    (0..=n % 2)
                        .map(|_| transaction.append(Bytes::new(), "s".into()))
                        .collect::<Result<Vec<_>, _>>()
                })
            };
            (0..12).map_while(|n| append(n).ok()).flatten().collect::<Vec<Appended>>()
        };
        let buffered = || (0..12).map_while(|_| log.append("b").ok()).collect::<Vec<Appended>>();
        let threads = [scope.spawn(synced), scope.spawn(synced), scope.spawn(synced)];
        let buffered = scope.spawn(buffered);
        scope.spawn(|| {
            for entry in &foreign {
                let signed = entry.clone().signed();
                let verified = crate::support::verify(&log, group(std::slice::from_ref(&signed)));
                if verified.is_err() || log.ingest(verified.unwrap()).is_err() || log.flush().is_err() {
                    break;
                }
            }
        });
        scope.spawn(|| {
            for _ in 0..6 {
                let _ = log.del(&identity(1).writer(), Seq(1));
            }
        });
        let shown = scope.spawn(|| {
            let mut shown = Vec::new();
            loop {
                let last = done.load(Ordering::SeqCst);
                while let Some(entry) = live.try_next() {
                    let entry = entry.unwrap();
                    if entry.writer() == identity(1).writer() {
                        shown.push(entry.id());
                    }
                }
                if last {
                    return shown;
                }
                std::thread::yield_now();
            }
        });
        let durable: Vec<Appended> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let buffered = buffered.join().unwrap();
        done.store(true, Ordering::SeqCst);
        (durable, buffered, shown.join().unwrap())
    });
    assert_in_place(&log, durable.iter().chain(&stored));
    let after = crashing.crash(0);
    drop((live, log));
    sidecar.1.store(0, Ordering::SeqCst);
    let log = Log::options().sidecar(sidecar).open(Arc::new(after), identity(1)).unwrap();
    log.check_caught_up().unwrap();
    assert_in_place(&log, &durable);
    assert!(shown.iter().all(|id: &EntryId| log.contains(id).unwrap()), "{nth}: shown, and lost");
    let next = log.append("next").unwrap();
    assert!(durable.iter().all(|appended| appended.seq < next.seq));
    assert_clean(&log);
}

#[test]
fn whichever_write_fails_among_threads_of_all_kinds_what_was_told_or_shown_survives() {
    (0..60).for_each(fails_then_loses_power);
}

#[test]
fn threads_on_disk_find_after_reopening_what_they_were_told() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Folder::open(dir.path()).unwrap().log().unwrap();
    let log = open();
    let other = self::log(2);
    other.append_batch((0..50).map(|n| n.to_string())).unwrap();
    let told: Vec<Appended> = std::thread::scope(|scope| {
        let each = || (0..15).map(|_| log.append("x").unwrap()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(each)).collect();
        import(&log, &export(&other));
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    drop(log);
    let log = open();
    assert_eq!((log.last(), log.opened().lost_commits), (Change(140), 0));
    assert_in_place(&log, &told);
    assert_clean(&log);
}
