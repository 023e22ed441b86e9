//! Nodes that a policy makes for itself.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hyperlog::{Act, Content, Error, Hyperlog, Json, Kind, Node, NodeId, Read, Utf8};

use crate::policy::toy;
use crate::support::{check, export, import, open};

fn act(log: &Hyperlog<Utf8>, kind: Kind, links: &[NodeId]) -> Node {
    let act = Act { kind, cap: None, links: links.to_vec(), value: Bytes::from_static(b"\xff") };
    log.act(|_| Ok::<_, Error>(act)).unwrap()
}

#[test]
fn an_act_links_what_it_says_and_the_heads() {
    let log = open(1);
    let a = log.append("a").unwrap().id;
    let b = log.append("b").unwrap().id;
    let c = log.add(&[], "c").unwrap().id;
    let grant = act(&log, Kind::Grant, &[a]);
    let mut links = vec![a, b, c];
    links.sort_unstable();
    assert_eq!((grant.kind, grant.links), (Kind::Grant, links));
    assert_eq!(log.heads().unwrap(), [grant.id]);
}

#[test]
fn an_act_is_stored_only_if_it_was_decided_and_may_be() {
    #[derive(Debug)]
    enum Why {
        Log,
        NotNow,
    }
    impl From<Error> for Why {
        fn from(_: Error) -> Self {
            Self::Log
        }
    }
    let log = open(1);
    let decided = AtomicUsize::new(0);
    let error = log.act(|acting| {
        decided.fetch_add(1, Ordering::Relaxed);
        assert_eq!(acting.rows().get(b"x").unwrap(), None);
        Err::<Act, _>(Why::NotNow)
    });
    assert!(matches!(error, Err(Why::NotNow)) && decided.into_inner() == 1);
    let unknown = NodeId::from_bytes([7; 32]);
    for (cap, links) in [(Some(unknown), vec![]), (None, vec![unknown])] {
        let act = Act { kind: Kind::Grant, cap, links, value: Bytes::new() };
        assert!(matches!(log.act(|_| Ok(act)), Err(Why::Log)));
    }
    assert_eq!(log.last().0, 0);
    check(&log);
}

#[test]
fn readers_with_types_meet_acts_without_failing() {
    let log = open(1);
    let a = log.append("\"a\"").unwrap().id;
    let grant = act(&log, Kind::Grant, &[]).id;
    let copy = open(2);
    import(&copy, &export(&log));
    for log in [&log, &copy] {
        let read: Vec<_> =
            log.with_encoding::<Json<String>>().changes(Read::all()).map(Result::unwrap).collect();
        assert_eq!(read[0].value, Content::Here("a".to_owned()));
        assert_eq!((read[1].kind, &read[1].value), (Kind::Grant, &Content::Policy));
        assert_eq!(log.get(&grant).unwrap().value, Content::Policy);
        assert_eq!(log.raw(&grant).unwrap().value, Content::Here(Bytes::from_static(b"\xff")));
        assert_eq!(log.raw_at(hyperlog::Change(1)).unwrap().unwrap().id, a);
        assert_eq!(log.raw_at(hyperlog::Change(3)).unwrap(), None);
        assert!(matches!(log.raw(&NodeId::from_bytes([7; 32])), Err(Error::NotFound { .. })));
    }
}

#[test]
fn an_act_keeps_its_value() {
    let log = open(1);
    let grant = act(&log, Kind::Grant, &[]).id;
    assert!(matches!(log.del(&grant), Err(Error::NotData { id }) if id == grant));
    assert!(log.raw(&grant).unwrap().value().is_some());
    check(&log);
}

#[test]
fn the_value_of_a_void_node_can_go_without_a_new_epoch() {
    let log = toy(1);
    let a = log.append("a").unwrap().id;
    log.append(format!("void:{a}")).unwrap();
    let epoch = log.epoch();
    log.del(&a).unwrap();
    assert_eq!(log.epoch(), epoch, "no view has it");
    log.append(format!("restore:{a}")).unwrap();
    assert_eq!(log.epoch(), epoch + 1);
    assert_eq!(log.get(&a).unwrap().value, Content::Deleted);
}
