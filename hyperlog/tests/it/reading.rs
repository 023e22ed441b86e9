//! Reading: by id, the heads, and the local order in every way.

use hyperlog::{Change, Error, Hyperlog, NodeId, Read, Utf8};

use crate::dag::dag;
use crate::support::{block_on, check, export, import, open};

fn log_of(n: u64) -> Hyperlog<Utf8> {
    let log = open(1);
    for n in 1..=n {
        log.add(&[], n.to_string()).unwrap();
    }
    log
}

/// What a reader gives without waiting.
fn now(changes: &mut hyperlog::Changes<Utf8>) -> Vec<u64> {
    std::iter::from_fn(|| changes.try_next()).map(|node| node.unwrap().change.0).collect()
}

#[test]
fn an_unknown_node_is_not_found_by_name() {
    // HL-26
    let log = log_of(1);
    let id = NodeId::from_bytes([7; 32]);
    assert!(!log.contains(&id).unwrap());
    for error in [log.get(&id).unwrap_err(), log.del(&id).unwrap_err(), log.is_void(&id).unwrap_err()] {
        assert!(matches!(error, Error::NotFound { id: said } if said == id));
        assert!(error.to_string().contains(&id.to_string()));
    }
}

#[test]
fn heads_are_the_nodes_that_nothing_links_to() {
    // HL-27, HL-28
    let mut dag = dag("");
    assert_eq!(dag.heads(), "");
    for (text, heads) in [
        ("a", "a"),
        ("b<-a", "b"),
        ("c<-a", "b c"),
        ("d", "b c d"),
        ("e<-b", "c d e"),
        ("f<-a", "c d e f"),
        ("g<-*", "g"),
    ] {
        dag.draw(text);
        assert_eq!(dag.heads(), heads, "after {text}");
    }
    dag.draw("h; i; j; k");
    assert!(dag.log.heads().unwrap().is_sorted(), "ascending by id");
    check(&dag.log);
}

#[test]
fn writing_on_supersedes_nothing_only_linking_does() {
    let dag = dag("a; b; c<-a");
    assert_eq!(dag.heads(), "b c", "b follows a in its writer's log, and has not seen it");
}

#[test]
fn receiving_a_node_again_makes_it_no_head() {
    // HL-29
    let dag = dag("a; b<-a");
    let exported = export(&dag.log);
    assert_eq!(import(&dag.log, &exported).duplicates, 2);
    assert_eq!(dag.heads(), "b");
    let first = {
        let other = open(2);
        import(&other, &exported);
        export(&other)
    };
    import(&dag.log, &first);
    assert_eq!(dag.heads(), "b");
}

#[test]
fn nodes_are_read_in_the_order_in_which_they_were_added() {
    // HL-30, HL-31
    let log = log_of(3);
    let values: Vec<_> =
        log.changes(Read::all()).map(|node| node.unwrap().value.into_option().unwrap()).collect();
    assert_eq!(values, ["1", "2", "3"]);
    assert_eq!(now(&mut log.changes(Read::all().since(Change(2)))), [3]);
}

#[test]
fn the_examples_of_the_original_read_the_same() {
    // HL-33
    let log = log_of(6);
    let read = |what: Read| now(&mut log.changes(what));
    assert_eq!(read(Read::all().until(Change(4))), [1, 2, 3]);
    assert_eq!(read(Read::all().since(Change(1)).until(Change(4))), [2, 3]);
    assert_eq!(read(Read::all().reverse(true)), [6, 5, 4, 3, 2, 1]);
    assert_eq!(read(Read::all().limit(2)), [1, 2]);
    assert_eq!(read(Read::all().reverse(true).limit(2)), [6, 5]);
    assert!(read(Read::all().limit(0)).is_empty());
    assert_eq!(read(Read::all().live(true).limit(3)), [1, 2, 3]);
    assert_eq!(read(Read::all().live(true).since(Change(4))), [5, 6]);
    assert!(read(Read::all().tail(true)).is_empty());
    assert!(read(Read::all().live(true).limit(0)).is_empty());
    assert_eq!(log.changes(Read::all().live(true).limit(0)).count(), 0, "it ends");
    assert_eq!(log.changes(Read::all().live(true).until(Change(4))).count(), 3, "it ends");
}

/// The plain meaning of a selection, over nodes 1 to `before` and those that come later, up to `after`.
#[derive(Clone, Copy, Debug)]
struct Selection {
    since: Option<u64>,
    until: Option<u64>,
    limit: Option<u64>,
    reverse: bool,
    live: bool,
    tail: bool,
}

impl Selection {
    fn read(self) -> Read {
        let mut read = Read::all().reverse(self.reverse).live(self.live).tail(self.tail);
        if let Some(since) = self.since {
            read = read.since(Change(since));
        }
        if let Some(until) = self.until {
            read = read.until(Change(until));
        }
        match self.limit {
            Some(limit) => read.limit(limit),
            None => read,
        }
    }

    fn expected(self, before: u64, after: u64) -> Vec<u64> {
        let last = if self.live { after } else { before };
        let start = if self.tail { before } else { self.since.unwrap_or(0) };
        let mut all: Vec<u64> =
            (1..=last).filter(|n| *n > start && self.until.is_none_or(|until| *n < until)).collect();
        if self.reverse && !self.live {
            all.reverse();
        }
        all.truncate(usize::try_from(self.limit.unwrap_or(u64::MAX)).unwrap());
        all
    }

    /// Whether a reader that has given all ends, rather than waits.
    fn ends(self, after: u64) -> bool {
        let start = if self.tail { 6 } else { self.since.unwrap_or(0) };
        !self.live
            || self.limit.is_some_and(|limit| self.expected(6, after).len() as u64 == limit)
            || self.until.is_some_and(|until| until <= start.max(after) + 1)
    }
}

#[test]
fn all_combinations_read_what_they_say() {
    // HL-33, HL-34
    let options = |values: &[u64]| -> Vec<Option<u64>> {
        std::iter::once(None).chain(values.iter().copied().map(Some)).collect()
    };
    let flags = [false, true];
    let mut selections = Vec::new();
    for since in options(&[0, 1, 4, 6]) {
        for until in options(&[0, 1, 2, 5, 7, 8, 20]) {
            for limit in options(&[0, 1, 3, 6, 7, 50]) {
                for (reverse, live) in flags.iter().flat_map(|reverse| flags.map(|live| (*reverse, live))) {
                    for tail in flags {
                        selections.push(Selection { since, until, limit, reverse, live, tail });
                    }
                }
            }
        }
    }
    let log = log_of(6);
    let mut readers: Vec<_> =
        selections.iter().map(|what| (*what, log.changes(what.read()), Vec::new())).collect();
    for (what, reader, got) in &mut readers {
        got.extend(now(reader));
        assert_eq!(*got, what.expected(6, 6), "{what:?}");
    }
    log.add(&[], "7").unwrap();
    log.add(&[], "8").unwrap();
    for (what, reader, got) in &mut readers {
        got.extend(now(reader));
        assert_eq!(*got, what.expected(6, 8), "{what:?}");
        if what.ends(8) {
            assert!(reader.next().is_none(), "{what:?} does not end");
        }
    }
}

#[test]
fn a_live_reader_gives_nodes_as_they_are_added_and_does_not_end() {
    // HL-32
    let log = open(1);
    let mut changes = log.changes(Read::all().live(true));
    assert!(changes.try_next().is_none());
    std::thread::scope(|scope| {
        let stop = changes.stop_handle();
        let (told, got) = std::sync::mpsc::channel();
        let reader = scope.spawn(move || {
            changes.by_ref().for_each(|node| told.send(node.unwrap().value.into_option().unwrap()).unwrap());
        });
        for value in ["a", "b", "c"] {
            log.append(value).unwrap();
            assert_eq!(got.recv().unwrap(), value);
        }
        assert!(!reader.is_finished(), "it waits for more");
        stop.stop();
        reader.join().unwrap();
    });
    let waits = log.changes(Read::all().live(true).limit(4));
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || waits.map(|node| node.unwrap().change.0).collect::<Vec<_>>());
        log.append("d").unwrap();
        assert_eq!(reader.join().unwrap(), [1, 2, 3, 4]);
    });
}

#[test]
fn a_live_reader_can_be_awaited() {
    let log = log_of(1);
    let mut changes = log.changes(Read::all().live(true).tail(true).limit(2));
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            block_on(async {
                let mut got = Vec::new();
                while let Some(node) = changes.recv().await {
                    got.push(node.unwrap().change.0);
                }
                got
            })
        });
        log.append("2").unwrap();
        log.append("3").unwrap();
        assert_eq!(reader.join().unwrap(), [2, 3]);
    });
}

#[test]
fn a_live_reader_sees_what_was_imported() {
    let (ana, ben) = (log_of(2), open(2));
    let mut changes = ben.changes(Read::all().live(true));
    assert!(now(&mut changes).is_empty());
    import(&ben, &export(&ana));
    assert_eq!(now(&mut changes), [1, 2]);
}

#[test]
fn nodes_after_what_was_seen_of_a_writer_can_be_asked_for() {
    let (ana, ben) = (log_of(3), open(2));
    import(&ben, &export(&ana));
    ben.append("4").unwrap();
    let after = Read::all().after([(ana.writer(), hyperlog::Seq(2))]);
    assert_eq!(now(&mut ben.changes(after)), [3, 4]);
}
