//! Members who mean harm, and disks that fail: what they write is taken, and nobody else pays for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hyperkv::Write;
use hyperlog::NodeId;
use level::{Batch, Durability, Error, KeyRange, Level, Order, Read, Sub};
use saga::{Memory, Role, Saga};
use serde_json::{Value, json};

use crate::place::{founder, member, options, sync, texts};

/// A level that counts what is read, and fails a read when it is told to.
#[derive(Default)]
struct Disk {
    level: Memory,
    bytes: AtomicU64,
    reads: AtomicU64,
    /// The read that fails, counted from one; 0 for none.
    fails: AtomicU64,
}

impl Disk {
    fn read(&self, bytes: usize) -> Result<(), Error> {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let read = self.reads.fetch_add(1, Ordering::Relaxed) + 1;
        if read == self.fails.load(Ordering::Relaxed) {
            return Err(Error::Io {
                doing: "read",
                path: "the disk".into(),
                source: std::io::Error::other("it is tired"),
            });
        }
        Ok(())
    }
}

impl Read for Disk {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let got = self.level.get(sub, key)?;
        self.read(got.as_ref().map_or(0, Bytes::len))?;
        Ok(got)
    }

    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> level::Rows<'_> {
        let rows = self.level.range(sub, range, order);
        Box::new(rows.map(|row| row.and_then(|row| self.read(row.1.len()).map(|()| row))))
    }
}

impl Level for Disk {
    fn sub(&self, name: &str) -> Result<Sub, Error> {
        self.level.sub(name)
    }

    fn subs(&self) -> Result<Vec<String>, Error> {
        self.level.subs()
    }

    fn remove(&self, name: &str) -> Result<bool, Error> {
        self.level.remove(name)
    }

    fn apply(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
        self.level.apply(batch, durability)
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, Error> {
        self.level.snapshot()
    }
}

fn on(disk: &Arc<Disk>, of: Option<&Saga>, name: &str) -> Saga {
    options().open(Arc::clone(disk) as _, of.map(Saga::key), name).unwrap()
}

/// A post that links what its author likes.
fn post(saga: &Saga, kind: &str, n: usize, body: &Value, links: &[NodeId]) -> NodeId {
    let key = format!("{kind}s/{n}");
    let value = json!({ "key": key, kind: body, "username": saga.username(), "timestamp": 1 });
    let write = Write::put(&key, value).links(links.to_vec());
    saga.db().write(write).unwrap()
}

#[test]
fn an_answer_stands_after_what_it_answers_however_many_posts_nobody_linked() {
    let ana = founder("ana");
    let (ben, mallory) = (member(&ana, "ben"), member(&ana, "mallory"));
    for round in 0..4 {
        for n in 0..400 {
            post(&mallory, "message", 400 * round + n, &json!(format!("{n}")), &[]);
        }
        sync(&ben, &mallory);
        ben.write_message("a question").unwrap();
        assert_eq!(texts(&ben).pop().unwrap(), "a question");
        sync(&ana, &ben);
        ana.write_message("an answer").unwrap();
        assert_eq!(texts(&ana).pop().unwrap(), "an answer");
    }
    sync(&ana, &ben);
    assert_eq!(texts(&ana), texts(&ben));
}

#[test]
fn of_several_new_names_the_last_stays() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    let name = || ana.people().unwrap().into_iter().find(|one| one.key == ben.writer()).unwrap().name;
    for n in 0..12 {
        ben.set_username(&format!("ben{n}")).unwrap();
        if n % 4 == 3 {
            ben.write_message("hi").unwrap();
        }
        if n % 3 == 2 {
            sync(&ana, &ben);
            assert_eq!(name(), Some(format!("ben{n}")));
        }
    }
}

/// What a post costs does not depend on how large those are that it links to.
#[test]
fn who_links_large_old_posts_makes_nobody_read_them_again() {
    let ana = founder("ana");
    let disk = Arc::new(Disk::default());
    let ben = on(&disk, Some(&ana), "ben");
    ana.invite(ben.writer(), Role::Writer).unwrap();
    sync(&ana, &ben);
    let mallory = member(&ana, "mallory");
    let large = json!("x".repeat(100_000));
    let old: Vec<NodeId> = (0..50).map(|n| post(&mallory, "operation", n, &large, &[])).collect();
    sync(&ben, &mallory);
    assert_eq!(ben.operations().unwrap().len(), 50);
    for n in 50..100 {
        post(&mallory, "operation", n, &json!(n), &old);
    }
    sync(&ben, &mallory);
    let before = disk.bytes.load(Ordering::Relaxed);
    ben.messages().unwrap();
    let read = disk.bytes.load(Ordering::Relaxed) - before;
    // 50 times 50 times 100 kB otherwise.
    assert!(read < 10_000_000, "{read} bytes were read");
}

#[test]
fn a_disk_that_fails_now_and_then_loses_no_message() {
    let written: Vec<String> = (0..5).map(|n| format!("{n}")).collect();
    let disk = Arc::new(Disk::default());
    let ana = on(&disk, None, "ana");
    written.iter().for_each(|text| drop(ana.write_message(text).unwrap()));
    assert_eq!(texts(&ana), written);
    drop(ana);
    let mut failed = 0;
    for nth in 1.. {
        // When things came is known, and the view is built anew.
        disk.level.remove("index/saga").unwrap();
        let ana = on(&disk, None, "ana");
        let mut feed = ana.subscribe(&format!("test{nth}")).unwrap();
        disk.reads.store(0, Ordering::Relaxed);
        disk.fails.store(nth, Ordering::Relaxed);
        let mut told = Vec::new();
        // One read fails; whoever asks again gets it all.
        for _ in 0..2 * written.len() {
            match feed.try_next() {
                Some(Ok(message)) => told.push(message.text),
                Some(Err(_)) => failed += 1,
                None => {}
            }
        }
        let reads = disk.reads.load(Ordering::Relaxed);
        disk.fails.store(0, Ordering::Relaxed);
        assert_eq!((told, ana.skipped().unwrap()), (written.clone(), 0), "read {nth} failed");
        assert_eq!(texts(&ana), written, "read {nth} failed");
        if reads < nth {
            break;
        }
    }
    assert!(failed > 10, "{failed}");
}

const HARMFUL: &str = "a\u{1b}]0;x\u{7}\u{9b}2J\u{202e}b\u{2066}\u{200f}\nc\u{2028}d\r\u{8}";

#[test]
fn whatever_a_member_writes_is_fit_for_a_terminal_where_it_is_shown() {
    let ana = founder("ana");
    let mallory = member(&ana, "mallory");
    let key = format!("messages/{HARMFUL}");
    let max = u64::MAX;
    let put = |key: &str, value: Value| mallory.db().put(key, value).map(|_| ()).unwrap();
    put(&key, json!({ "key": key, "message": HARMFUL, "username": HARMFUL, "timestamp": max }));
    put("messages/deep", serde_json::from_str(&format!("{}{}", "[".repeat(120), "]".repeat(120))).unwrap());
    put(
        "operations/1",
        json!({ "key": "operations/1", "operation": HARMFUL, "username": HARMFUL, "timestamp": -1 }),
    );
    put(&format!("names/{}", mallory.writer()), json!({ "username": HARMFUL, "timestamp": "never" }));
    sync(&ana, &mallory);
    ana.write_message("answer").unwrap();
    let messages = ana.messages().unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].timestamp, max);
    assert!(messages[0].shown < max && messages[1].shown < max);
    let mut shown: Vec<String> =
        messages.into_iter().flat_map(|one| [one.text, one.username, one.key]).collect();
    shown.extend(ana.operations().unwrap().into_iter().flat_map(|one| [one.username, one.key]));
    shown.extend(ana.people().unwrap().iter().map(saga::Person::label));
    shown.push(ana.find(HARMFUL).unwrap_err().to_string());
    for text in shown {
        assert_eq!(saga::sanitize(&text), text);
    }
}

#[test]
fn names_that_are_not_seen_are_none_and_those_that_look_the_same_are_told_apart() {
    for unseen in ["\u{2800}", "\u{3164}\u{ffa0}", "\u{115f}", "\u{200b}\u{ad}", "\u{e0041}", "\u{300}"] {
        assert_eq!(saga::sanitize_name(unseen), None, "{unseen:?}");
        assert_eq!(saga::sanitize_name(&format!("ana{unseen}")).as_deref(), Some("ana"), "{unseen:?}");
    }
    let ana = founder("ana");
    // The first letter is Cyrillic. That cannot be known, so what is shown has the key in it.
    let mallory = member(&ana, "\u{430}na");
    mallory.write_message("I am ana").unwrap();
    sync(&ana, &mallory);
    assert_eq!(ana.find("ana").unwrap(), ana.writer());
    let labels: Vec<String> = ana.people().unwrap().iter().map(saga::Person::label).collect();
    assert_eq!(labels.len(), 2);
    assert!(labels.contains(&saga::signed_name("ana", &ana.writer())));
    assert!(!labels.iter().any(|label| *label == saga::signed_name("\u{430}na", &ana.writer())));
}

#[test]
fn what_a_removed_member_writes_on_and_tells_again_is_neither_shown_nor_told() {
    let ana = founder("ana");
    let (ben, mallory) = (member(&ana, "ben"), member(&ana, "mallory"));
    mallory.write_message("good").unwrap();
    sync(&ana, &mallory);
    sync(&ana, &ben);
    ana.remove(&mallory.writer()).unwrap();
    // Mallory does not listen, and writes on under the old grant; ben gets it first.
    let mut feed = ben.subscribe("test").unwrap();
    assert_eq!(feed.try_next().unwrap().unwrap().text, "good");
    for n in 0..50 {
        post(&mallory, "message", n, &json!("spam"), &[]);
    }
    mallory.set_username("ana").unwrap();
    sync(&ana, &ben);
    sync(&ben, &mallory);
    sync(&ana, &ben);
    for saga in [&ana, &ben] {
        assert_eq!(texts(saga), ["good"]);
        assert!(saga.people().unwrap().iter().all(|one| !one.ambiguous));
    }
    assert!(feed.try_next().is_none());
    // Invited again, what it writes from then on counts, and what it wrote meanwhile does not.
    ana.invite(mallory.writer(), Role::Writer).unwrap();
    sync(&ana, &mallory);
    mallory.write_message("sorry").unwrap();
    sync(&ana, &mallory);
    sync(&ana, &ben);
    assert_eq!(texts(&ben), ["good", "sorry"]);
    assert_eq!(feed.try_next().unwrap().unwrap().text, "sorry");
    assert!(feed.try_next().is_none());
}
