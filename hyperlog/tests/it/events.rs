//! News from a log.

use hyperlog::{Doc, Error, Event, Hyperlog, Limits, Link, Memory, News, NodeId, Utf8};

use crate::support::{block_on, export, identity, import, open};

fn next(events: &mut hyperlog::Events<Event>) -> Option<String> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Some(match events.try_next()? {
        News::Missed(n) => format!("missed {n}"),
        News::Event(Event::PreAdd { value, .. }) => format!("preadd {}", text(&value)),
        News::Event(Event::Add { node, own }) => {
            format!("{} {}", if own { "add" } else { "got" }, text(node.value().unwrap()))
        }
        News::Event(Event::Reject { value, .. }) => format!("reject {}", text(&value)),
        News::Event(other) => format!("{other:?}"),
    })
}

fn all(events: &mut hyperlog::Events<Event>) -> Vec<String> {
    std::iter::from_fn(|| next(events)).collect()
}

#[test]
fn every_add_is_announced_and_then_told() {
    // HL-36, HL-38
    let log = open(1);
    let mut events = log.subscribe();
    let hello = log.add(&[], "hello").unwrap();
    log.add(&[hello.id], "world").unwrap();
    log.append("!").unwrap();
    assert_eq!(
        all(&mut events),
        ["preadd hello", "add hello", "preadd world", "add world", "preadd !", "add !"]
    );
}

#[test]
fn an_announced_node_says_what_it_links_and_cannot_be_read_yet() {
    // HL-36, HL-37
    let log = open(1);
    let hello = log.add(&[], "hello").unwrap();
    let mut events = log.subscribe();
    let batch = log.batch([
        Doc { links: vec![Link::Node(hello.id)], value: "a".into() },
        Doc { links: vec![Link::Doc(0)], value: "b".into() },
    ]);
    let Some(News::Event(Event::PreAdd { links, value })) = events.try_next() else {
        panic!("not announced")
    };
    assert_eq!((links, value.as_ref()), (vec![hello.id], &b"a"[..]));
    assert_eq!(all(&mut events), ["preadd b", "add a", "add b"]);
    assert_eq!(batch.unwrap().len(), 2);
}

#[test]
fn what_was_announced_and_not_added_is_rejected() {
    // HL-39
    let log = open(1);
    let mut events = log.subscribe();
    let unknown = NodeId::from_bytes([7; 32]);
    log.add(&[], "a").unwrap();
    assert!(matches!(log.add(&[unknown], "b"), Err(Error::UnknownLink { .. })));
    let docs = [
        Doc { links: vec![], value: "c".into() },
        Doc { links: vec![Link::Node(unknown)], value: "d".into() },
    ];
    log.batch(docs).unwrap_err();
    let docs = (0..3).map(|_| Doc { links: vec![Link::Doc(5)], value: "e".into() });
    log.batch(docs).unwrap_err();
    let told = all(&mut events);
    let count = |kind| told.iter().filter(|event| event.starts_with(kind)).count();
    assert_eq!(count("preadd"), count("add ") + count("reject"), "{told:?}");
    assert_eq!((count("add "), count("reject")), (1, 6));
}

#[test]
fn nodes_from_elsewhere_are_told_without_announcement() {
    let (ana, ben) = (open(1), open(2));
    ana.append("from ana").unwrap();
    let mut events = ben.subscribe();
    import(&ben, &export(&ana));
    assert_eq!(all(&mut events), ["got from ana"]);
    import(&ben, &export(&ana));
    assert_eq!(all(&mut events), [""; 0], "a second copy is no news");
}

#[test]
fn who_is_too_slow_is_told_how_much_it_missed() {
    let mut limits = Limits::default();
    limits.events_max = 4;
    let log = Hyperlog::options()
        .limits(limits)
        .open::<Utf8>(std::sync::Arc::new(Memory::new()), identity(1))
        .unwrap();
    let mut events = log.subscribe();
    for n in 0..5 {
        log.append(n.to_string()).unwrap();
    }
    assert_eq!(all(&mut events), ["missed 6", "preadd 3", "add 3", "preadd 4", "add 4"]);
}

#[test]
fn events_can_be_waited_for_and_end_with_the_log() {
    let log = open(1);
    let (mut waiting, mut blocking) = (log.subscribe(), log.subscribe());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            let first = block_on(waiting.recv());
            let mut rest = 0;
            while block_on(waiting.recv()).is_some() {
                rest += 1;
            }
            (first, rest)
        });
        let blocking = scope.spawn(move || blocking.by_ref().count());
        log.append("a").unwrap();
        drop(log);
        let (first, rest) = waiting.join().unwrap();
        assert!(matches!(first, Some(News::Event(Event::PreAdd { .. }))));
        assert_eq!((rest, blocking.join().unwrap()), (1, 2));
    });
}
