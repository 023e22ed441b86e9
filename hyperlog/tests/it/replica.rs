//! What a graph says in a session, beyond what a log does: nodes go with what they link to, or not at all.

use std::sync::Arc;

use hyperlog::{
    AdmitError, Asking, Content, Doc, Effects, Hyperlog, Known, Link, LogError, Memory, Node, NodeId,
    Options, Policy, Rows, StoredRows, Utf8, WriterId,
};
use replicate::{Difference, Wants, sync, sync_with};

use crate::support::{agreed, check, export, identity, import, nodes, open};

fn without<E>(log: &Hyperlog<E>) -> replicate::Options {
    replicate::Options::default().wants(Wants::Without([*log.writer().as_bytes()].into()))
}

fn ids<E>(log: &Hyperlog<E>) -> Vec<NodeId> {
    let mut ids: Vec<NodeId> = nodes(log).into_iter().map(|node| node.id).collect();
    ids.sort_unstable();
    ids
}

fn sorted(ids: &[NodeId]) -> Vec<NodeId> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

#[test]
fn links_across_writers_arrive_with_what_they_link_to() {
    let logs = [open(1), open(2), open(3)];
    for round in 0..20 {
        for (n, log) in logs.iter().enumerate() {
            log.append(format!("{round}.{n}")).unwrap();
            let report = sync(log, &logs[(n + 1) % 3]).unwrap();
            assert!(report.equal, "{report:?}");
        }
    }
    sync(&logs[0], &logs[1]).unwrap();
    sync(&logs[1], &logs[2]).unwrap();
    sync(&logs[2], &logs[0]).unwrap();
    for log in &logs {
        check(log);
        assert_eq!(agreed(log), agreed(&logs[0]));
    }
    let empty = open(4);
    let report = sync(&logs[0], &empty).unwrap();
    assert!(report.equal && report.sent == 60, "{report:?}");
    check(&empty);
}

#[test]
fn a_node_that_links_a_declined_writer_is_left_out_with_what_builds_on_it() {
    let (ana, ben, eve, two) = (open(1), open(2), open(3), open(4));
    let good = ana.append("good").unwrap().id;
    let bad = eve.append("bad").unwrap().id;
    let free = ben.add(&[], "free").unwrap().id;
    for log in [&eve, &ben] {
        import(&ana, &export(log));
    }
    let answer = ana.add(&[bad], "answers bad").unwrap().id;
    import(&ben, &export(&ana));
    let second = ben.add(&[answer], "answers the answer").unwrap().id;
    import(&ana, &export(&ben));
    let (report, other) = sync_with(&ana, replicate::Options::default(), &two, without(&eve));
    let (report, other) = (report.unwrap(), other.unwrap());
    assert_eq!(ids(&two), sorted(&[good, free]));
    assert_eq!(report.sent, 2);
    assert!(report.differences.contains(&Difference::LeftOut(3)), "{report:?}");
    assert!(other.differences.contains(&Difference::Declined(3)), "{other:?}");
    check(&two);
    let report = sync(&ana, &two).unwrap();
    assert!(report.equal, "{report:?}");
    assert!(two.contains(&second).unwrap());
    check(&two);
}

/// A batch is one run with one signature: without its end nothing vouches for the beginning.
#[test]
fn a_batch_whose_end_is_left_out_is_left_out_whole() {
    let (ana, eve, two) = (open(1), open(3), open(4));
    let bad = eve.append("bad").unwrap().id;
    let good = ana.append("good").unwrap().id;
    import(&ana, &export(&eve));
    let doc = |links: &[NodeId], value: &str| Doc {
        links: links.iter().copied().map(Link::Node).collect(),
        value: value.to_owned(),
    };
    ana.batch([doc(&[good], "1"), doc(&[], "2"), doc(&[bad], "3")]).unwrap();
    let (report, _) = sync_with(&ana, replicate::Options::default(), &two, without(&eve));
    assert!(report.unwrap().differences.contains(&Difference::LeftOut(4)));
    assert_eq!(ids(&two), [good]);
    check(&two);
}

struct Under(NodeId);

impl Policy for Under {
    fn admit(&self, _: &Asking<'_>, _: &Known<'_>) -> Result<(), AdmitError> {
        Ok(())
    }

    fn cap(&self, writer: WriterId, _: Option<NodeId>, _: &StoredRows) -> Result<Option<NodeId>, AdmitError> {
        Ok((writer == identity(1).writer()).then_some(self.0))
    }

    fn store(&self, _: &[Node], _: &mut Rows<'_>) -> Result<Effects, LogError> {
        Ok(Effects::default())
    }
}

/// The grant that a node acts under is one of its parents.
#[test]
fn a_node_under_a_grant_of_a_declined_writer_is_left_out() {
    let granted = open(3);
    let grant = granted.append("the grant").unwrap().id;
    let open = |n: u8| -> Hyperlog<Utf8> {
        let options = Options::default().policy(Arc::new(Under(grant)));
        options.open(Arc::new(Memory::new()), identity(n)).unwrap()
    };
    let (ana, ben, two) = (open(1), open(2), open(4));
    import(&ana, &export(&granted));
    let under = ana.add(&[], "under the grant").unwrap();
    assert_eq!(under.cap, Some(grant));
    let free = ben.add(&[], "under none").unwrap().id;
    import(&ana, &export(&ben));
    let (report, _) = sync_with(&ana, replicate::Options::default(), &two, without(&granted));
    assert!(report.unwrap().differences.contains(&Difference::LeftOut(2)));
    assert_eq!(ids(&two), [free]);
    let report = sync(&ana, &two).unwrap();
    assert!(report.equal, "{report:?}");
}

#[test]
fn a_deleted_value_comes_from_whoever_has_it() {
    let (ana, ben, two) = (open(1), open(2), open(3));
    let node = ana.append("value").unwrap();
    import(&ben, &export(&ana));
    ben.del(&node.id).unwrap();
    sync(&ben, &two).unwrap();
    assert_eq!(two.pending().count(), 1);
    let report = sync(&two, &ana).unwrap();
    assert!(report.equal && report.filled == 1, "{report:?}");
    assert_eq!(two.get(&node.id).unwrap().value, Content::Here("value".to_owned()));
    let report = sync(&two, &ben).unwrap();
    assert!(report.equal && report.filled == 0, "what was deleted stays deleted: {report:?}");
}
