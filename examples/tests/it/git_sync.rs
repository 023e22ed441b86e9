//! Imported histories as logs on disk, which sync.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use hyperlog::disk::Folder;
use hyperlog::{Hyperlog, NodeId, Read, Utf8};
use replicate::Report;
use tempfile::TempDir;

use crate::git_graph::{repository, thousands};

/// A log on disk. Its folder goes with it.
struct Kept {
    log: Hyperlog<Utf8>,
    folder: TempDir,
}

impl Kept {
    fn new() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap())
    }

    fn in_folder(folder: TempDir) -> Self {
        let log = Hyperlog::open_in(&Folder::open(folder.path()).unwrap()).unwrap();
        Self { log, folder }
    }

    /// The log of who has imported a repository.
    fn of(repository: &Path) -> Self {
        let kept = Self::new();
        kept.import(repository);
        kept
    }

    fn import(&self, repository: &Path) {
        examples::git::import(&self.log.with_encoding(), repository, &mut |_| {}).unwrap();
    }

    /// All nodes in the order of ids, each with what it links to and its value.
    fn list(&self) -> Vec<(NodeId, Vec<NodeId>, String)> {
        let nodes = self.log.changes(Read::all()).map(|node| {
            let node = node.unwrap();
            let value = node.value().unwrap().clone();
            (node.id, node.links, value)
        });
        let mut nodes: Vec<_> = nodes.collect();
        nodes.sort_unstable();
        nodes
    }
}

/// Both logs have the same nodes and heads; the local order of each is topological; nothing is wrong in either.
#[track_caller]
fn are_equal(a: &Kept, b: &Kept) -> usize {
    let nodes = a.list();
    assert!(nodes == b.list(), "{} nodes here, {} there", nodes.len(), b.list().len());
    assert_eq!(a.log.heads().unwrap(), b.log.heads().unwrap());
    for log in [&a.log, &b.log] {
        let mut seen = BTreeSet::new();
        for node in log.changes(Read::all()) {
            let node = node.unwrap();
            assert!(
                node.links.iter().all(|link| seen.contains(link)),
                "a node stands before what it links to"
            );
            seen.insert(node.id);
        }
        assert!(log.fsck().unwrap().is_clean());
    }
    nodes.len()
}

#[track_caller]
fn sync(a: &Kept, b: &Kept) -> Report {
    let report = replicate::sync(&a.log, &b.log).unwrap();
    assert!(report.complete && report.equal, "{report:?}");
    report
}

/// What one side sent and received.
fn ways(report: &Report) -> (u64, u64) {
    (report.sent, report.received)
}

#[test]
fn an_imported_history_goes_to_an_empty_folder_whole() {
    let commits = thousands();
    let repository = repository(&commits);
    let (a, b) = (Kept::of(repository.path()), Kept::new());
    let all = commits.len() as u64;
    assert_eq!(ways(&sync(&a, &b)), (all, 0));
    assert_eq!(are_equal(&a, &b), commits.len());
    let (_, childless) = examples::git::count(repository.path()).unwrap();
    assert_eq!(b.log.heads().unwrap().len(), childless);
    // And again, from the disk.
    let Kept { log, folder } = b;
    drop(log);
    let b = Kept::in_folder(folder);
    let report = sync(&a, &b);
    assert_eq!((ways(&report), report.forks.len()), ((0, 0), 0));
    assert_eq!(are_equal(&a, &b), commits.len());
}

#[test]
fn a_folder_that_holds_the_first_part_gets_the_rest_alone() {
    let commits = thousands();
    let (first, whole) = (repository(&commits[..1_000]), repository(&commits));
    let (a, b) = (Kept::of(first.path()), Kept::new());
    sync(&a, &b);
    a.import(whole.path());
    let report = sync(&b, &a);
    assert_eq!((ways(&report), report.duplicates), ((0, 3_000), 0));
    assert_eq!(are_equal(&a, &b), 4_000);
}

#[test]
fn histories_of_two_that_share_a_beginning_and_went_on_apart_are_put_together() {
    let commits = thousands();
    let (first, one, other) =
        (repository(&commits[..500]), repository(&commits[..900]), repository(&commits[..1_400]));
    let (a, b) = (Kept::of(first.path()), Kept::new());
    sync(&a, &b);
    a.import(one.path());
    b.import(other.path());
    assert_eq!(ways(&sync(&a, &b)), (900, 1_400));
    assert_eq!(are_equal(&a, &b), 500 + 900 + 1_400);
    // A third who had nothing gets all of it from either.
    let c = Kept::new();
    assert_eq!(ways(&sync(&c, &b)), (0, 2_800));
    are_equal(&a, &c);
}

#[test]
fn the_same_history_imported_by_two_is_two_histories() {
    let repository = repository(&thousands()[..300]);
    let (a, b) = (Kept::of(repository.path()), Kept::of(repository.path()));
    let report = sync(&a, &b);
    assert_eq!((ways(&report), report.forks.len()), ((300, 300), 0));
    assert_eq!(are_equal(&a, &b), 600);
}

/// Copies of a folder that imported different branches are a fork, and equal all the same.
#[test]
fn copies_of_a_folder_that_imported_different_branches_fork_and_are_put_together() {
    let commits = thousands();
    let (first, one, other) =
        (repository(&commits[..400]), repository(&commits[..600]), repository(&commits[..800]));
    let a = Kept::of(first.path());
    let Kept { log, folder } = a;
    drop(log);
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-r").arg(folder.path().join(".")).arg(copy.path()).status().unwrap();
    assert!(copied.success());
    let (a, b) = (Kept::in_folder(folder), Kept::in_folder(copy));
    a.import(one.path());
    b.import(other.path());
    // Under one key the same commits are the same nodes, as far as both met them in the same order.
    let both: BTreeSet<NodeId> = [&a, &b].into_iter().flat_map(Kept::list).map(|(id, ..)| id).collect();
    assert!(both.len() > 1_200, "the branches are the same but for the length: {}", both.len());
    let report = sync(&a, &b);
    assert_eq!(report.forks.len(), 1);
    assert!(report.received > 0 && report.sent > 0, "{report:?}");
    assert_eq!(are_equal(&a, &b), both.len());
    let third = Kept::new();
    sync(&third, &a);
    sync(&third, &b);
    are_equal(&a, &third);
}

/// The control: a node that one lacks would be seen.
#[test]
#[should_panic = "301 nodes here, 300 there"]
fn a_node_that_one_lacks_would_be_seen() {
    let repository = repository(&thousands()[..300]);
    let (a, b) = (Kept::of(repository.path()), Kept::new());
    sync(&a, &b);
    a.log.append("one more".to_owned()).unwrap();
    are_equal(&a, &b);
}
