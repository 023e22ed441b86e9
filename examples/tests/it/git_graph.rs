//! A repository with merges, made here, becomes a graph of nodes with the same shape.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use hyperlog::{Hyperlog, Identity, Memory, Read, Utf8};

/// What `git fast-import` is told: commits 1, 2, 3 ... with their parents, and a branch for each without children.
pub(crate) fn repository(commits: &[Vec<usize>]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "--quiet"], "");
    let mut script = String::new();
    for (place, parents) in commits.iter().enumerate() {
        let n = place + 1;
        let subject = format!("commit {n} \u{1b}[2J grüße");
        writeln!(script, "commit refs/heads/b{n}\nmark :{n}").unwrap();
        writeln!(script, "committer Ana <ana@example.org> {} +0000", 1_700_000_000 + n).unwrap();
        writeln!(script, "data {}\n{subject}", subject.len()).unwrap();
        for (first, parent) in parents.iter().enumerate() {
            writeln!(script, "{} :{parent}", if first == 0 { "from" } else { "merge" }).unwrap();
        }
        script.push('\n');
    }
    git(dir.path(), &["fast-import", "--quiet"], &script);
    dir
}

fn git(dir: &Path, args: &[&str], input: &str) {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "git {args:?}");
}

/// Three thousand commits: chains, forks, merges of two and of five, criss-cross, and two roots.
pub(crate) fn thousands() -> Vec<Vec<usize>> {
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut commits = vec![vec![]];
    for n in 2..=3_000_usize {
        let count = match random(20) {
            0..=13 => 1,
            14..=18 => 2,
            _ => 5,
        };
        let near = n.min(60) - 1;
        let parents: BTreeSet<usize> = (0..count).map(|_| n - 1 - random(near)).collect();
        commits.push(if n == 1_500 { vec![] } else { parents.into_iter().collect() });
    }
    commits
}

fn imported(path: &Path) -> (Hyperlog<Utf8>, examples::git::Imported) {
    let log = Hyperlog::open(Memory::new(), Identity::from_seed(&[1; 32])).unwrap();
    let done = examples::git::import(&log, path, &mut |_| {}).unwrap();
    (log.with_encoding(), done)
}

#[test]
fn every_commit_is_a_node_that_links_its_parents() {
    let commits = thousands();
    let repository = repository(&commits);
    let (log, done) = imported(repository.path());

    let (count, childless) = examples::git::count(repository.path()).unwrap();
    assert_eq!((count, log.last().0), (commits.len(), commits.len() as u64));
    let named: BTreeSet<usize> = commits.iter().flatten().copied().collect();
    assert_eq!(
        (log.heads().unwrap().len(), childless),
        (commits.len() - named.len(), commits.len() - named.len())
    );
    assert_eq!(done.merges, commits.iter().filter(|parents| parents.len() > 1).count());
    assert!(done.merges > 500, "{} merges are few", done.merges);

    let nodes: Vec<_> = log.changes(Read::all()).collect::<Result<_, _>>().unwrap();
    let number = |value: &str| -> usize {
        value.split("commit ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    let ids: BTreeMap<_, usize> = nodes.iter().map(|node| (node.id, number(node.value().unwrap()))).collect();
    for node in &nodes {
        let n = ids[&node.id];
        let links: BTreeSet<usize> = node.links.iter().map(|link| ids[link]).collect();
        assert_eq!(links, commits[n - 1].iter().copied().collect(), "commit {n}");
        assert!(node.value().unwrap().starts_with("Ana  20"), "{:?}", node.value());
    }
    assert!(log.fsck().unwrap().is_clean());
}

#[test]
fn what_git_counts_tells_a_log_that_lacks_a_commit() {
    let repository = repository(&[vec![], vec![1], vec![1]]);
    let (log, _) = imported(repository.path());
    assert_eq!(examples::git::count(repository.path()).unwrap(), (3, 2));
    git(
        repository.path(),
        &["fast-import", "--quiet"],
        "commit refs/heads/late\ncommitter A <a@b> 1 +0000\ndata 1\nx\nfrom refs/heads/b2\n\n",
    );
    assert_eq!(examples::git::count(repository.path()).unwrap(), (4, 2));
    assert_eq!(log.last().0, 3, "the negative control: now they differ");
}

#[test]
fn the_program_shows_what_it_did_and_agrees_with_git() {
    let repository = repository(&[vec![], vec![1], vec![1], vec![2, 3], vec![]]);
    let dir = tempfile::tempdir().unwrap();
    let run = |repository: &Path| {
        let program = env!("CARGO_BIN_EXE_git-graph");
        let output = Command::new(program).arg(repository).arg(dir.path().join("log")).output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (ok, out, error) = run(repository.path());
    assert!(ok, "{error}");
    for line in
        ["commits         5", "nodes           5  1 of them merges", "heads           2", "fsck            0"]
    {
        assert!(out.contains(line), "{line:?} is not in\n{out}");
    }
    assert!(!out.contains('\u{1b}'), "nothing that a terminal obeys");
    let (ok, _, error) = run(repository.path());
    assert!(!ok && error.contains("holds a log already"), "{error}");
    let (ok, _, error) = run(Path::new("/nowhere/at/all"));
    assert!(!ok && error.starts_with("git-graph: git cannot read /nowhere/at/all"), "{error}");
}

#[test]
fn an_empty_repository_is_an_empty_log() {
    let repository = repository(&[]);
    let (log, done) = imported(repository.path());
    assert_eq!((log.last().0, done.commits), (0, 0));
    assert_eq!(examples::git::count(repository.path()).unwrap(), (0, 0));
}
