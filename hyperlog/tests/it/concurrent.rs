//! Verdicts, heads and news where the nodes of several threads are committed together.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hyperlog::{Change, Doc, Durability, Event, Hyperlog, Level, Memory, News, NodeId, Utf8};
use level::{Batch, Error as LevelError, KeyRange, Order, Rows, Sub};

use crate::policy::{check_toy, toy, toy_on};
use crate::support::{export, import};

/// A level on which a sync can be made to wait.
#[derive(Clone, Default)]
struct Held {
    level: Memory,
    gate: Arc<(Mutex<At>, Condvar)>,
}

#[derive(Default)]
struct At {
    held: bool,
    inside: bool,
}

/// Lets go when it is dropped: also when a test fails, so that it ends.
struct Holding<'a>(&'a Held);

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.0.gate.0.lock().unwrap().held = false;
        self.0.gate.1.notify_all();
    }
}

impl Held {
    fn hold(&self) -> Holding<'_> {
        self.gate.0.lock().unwrap().held = true;
        Holding(self)
    }

    fn wait_for_a_sync(&self) {
        let at = self.gate.0.lock().unwrap();
        drop(self.gate.1.wait_while(at, |at| !at.inside).unwrap());
    }
}

impl level::Read for Held {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, LevelError> {
        self.level.get(sub, key)
    }
    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
        self.level.range(sub, range, order)
    }
}

impl Level for Held {
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
            let mut at = self.gate.0.lock().unwrap();
            at.inside = true;
            self.gate.1.notify_all();
            self.gate.1.wait_while(at, |at| at.held).unwrap().inside = false;
        }
        self.level.apply(batch, durability)
    }
    fn snapshot(&self) -> Result<Arc<dyn level::Read>, LevelError> {
        self.level.snapshot()
    }
}

fn wait_until(done: impl Fn() -> bool) {
    for _ in 0..5_000 {
        if done() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    panic!("it does not happen");
}

#[test]
fn a_new_standing_is_told_after_the_node_that_brought_it_and_never_before() {
    let source = toy(2);
    let a = source.append("a").unwrap();
    let level = Held::default();
    let log = toy_on(&level, 1);
    import(&log, &export(&source));
    source.append(format!("void:{}", a.id)).unwrap();
    let verdict = export(&source);
    let mut events = log.subscribe();
    std::thread::scope(|scope| {
        let holding = level.hold();
        let own = scope.spawn(|| log.append("own").unwrap());
        level.wait_for_a_sync();
        // What is committed and told of nobody yet, and then the verdict: whoever comes tells both.
        let verdict = scope.spawn(|| import(&log, &verdict));
        wait_until(|| log.last() == Change(3));
        drop(holding);
        own.join().unwrap();
        verdict.join().unwrap();
    });
    let told = std::iter::from_fn(|| events.try_next()).map(|news| match news {
        News::Event(Event::PreAdd { .. }) => "preadd".to_owned(),
        News::Event(Event::Add { node, .. }) => format!("add {}", node.change),
        News::Event(Event::Standing { epoch }) => format!("epoch {epoch}"),
        other => panic!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), ["preadd", "add 2", "add 3", "epoch 1"]);
    assert_eq!(log.epoch(), 1);
    check_toy(&log);
}

#[test]
fn verdicts_and_heads_are_right_when_threads_add_judge_and_import_at_once() {
    let source = toy(2);
    let level = Held::default();
    let log = toy_on(&level, 1);
    let targets: Vec<NodeId> = (0..12).map(|n| log.add(&[], n.to_string()).unwrap().id).collect();
    let exports: Vec<Vec<u8>> = (0..12)
        .map(|n| {
            let node = source.append(n.to_string()).unwrap();
            source.append(format!("void:{}", node.id)).unwrap();
            export(&source)
        })
        .collect();
    let (log, targets) = (&log, &targets);
    std::thread::scope(|scope| {
        let judge = |word: &'static str| {
            move || targets.iter().for_each(|id| drop(log.append(format!("{word}:{id}")).unwrap()))
        };
        scope.spawn(judge("void"));
        scope.spawn(judge("void"));
        scope.spawn(judge("restore"));
        scope.spawn(|| (0..12).for_each(|_| drop(log.append("joins").unwrap())));
        // More heads than lie in one row.
        let fan = || (0..12).map(|n| Doc { links: vec![], value: n.to_string() });
        scope.spawn(move || (0..12).for_each(|_| drop(log.batch(fan()).unwrap())));
        exports.iter().for_each(|export| drop(import(log, export)));
    });
    check_toy(log);
    let copy: Hyperlog<Utf8> = toy(3);
    import(&copy, &export(log));
    assert_eq!(copy.heads().unwrap(), log.heads().unwrap());
    check_toy(&copy);
}

#[test]
fn an_append_links_the_heads_that_count_while_a_verdict_waits_for_the_disk() {
    let level = Held::default();
    let log = toy_on(&level, 1);
    log.append("h0").unwrap();
    let h1 = log.append("h1").unwrap();
    std::thread::scope(|scope| {
        let holding = level.hold();
        let first = scope.spawn(|| log.append("first").unwrap());
        level.wait_for_a_sync();
        let verdict = scope.spawn(|| log.append(format!("void:{}", h1.id)).unwrap());
        wait_until(|| log.last() == Change(4));
        let last = scope.spawn(|| log.append("last").unwrap());
        wait_until(|| log.last() == Change(5));
        drop(holding);
        drop((first.join().unwrap(), verdict.join().unwrap(), last.join().unwrap()));
    });
    assert_eq!(log.heads().unwrap().len(), 1, "all heads were linked");
    check_toy(&log);
}
