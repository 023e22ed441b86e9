//! A process that is killed while it maps: every node is in the view once, or not at all yet.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hyperlog::disk::Folder;
use hyperlog::{Doc, Durability, Hyperlog, NodeId, Utf8};
use hyperlog_index::{Index, Limits, MapError, Rows};
use level::{Fjall, Order};

use crate::support::number;
use crate::views::{ALL, Probe};

const NODES: u64 = 100_000;
/// Says to the child where the log and the rows are.
const PLACE: &str = "HYPERLOG_INDEX_KILLED";

/// How often each node was mapped, and the sum of what they say.
fn sum(node: &hyperlog::Node<String>, rows: &mut Rows<'_>) -> Result<(), MapError> {
    let times = rows.get(node.id.as_bytes())?.map_or(0, |row| row[0]);
    rows.put(node.id.as_bytes(), vec![times + 1])?;
    let sum = number(rows.get(ALL)?) + node.value().ok_or("a value")?.parse::<i64>()?;
    Ok(rows.put(ALL, sum.to_be_bytes().to_vec())?)
}

fn open(place: &Path) -> (Hyperlog<Utf8>, Index<Probe>) {
    let log = Hyperlog::open_in(&Folder::open(place.join("log")).unwrap()).unwrap();
    let rows = std::sync::Arc::new(Fjall::open(place.join("rows")).unwrap());
    let limits = Limits::new(500, usize::MAX);
    let index = Index::open_with(&log, rows, Probe::new("sum", sum), limits).unwrap();
    (log, index)
}

#[test]
#[ignore = "it is the process that is killed"]
fn child_that_maps() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    open(Path::new(&place)).1.ready().unwrap();
}

fn start(place: &Path) -> Child {
    let test = std::env::current_exe().unwrap();
    let mut child = Command::new(test);
    child.args(["--exact", "killed::child_that_maps", "--ignored", "--nocapture"]).env(PLACE, place);
    child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Makes the log, and gives the ids of its nodes.
fn prepare(place: &Path) -> Vec<NodeId> {
    let log: Hyperlog<Utf8> = Hyperlog::open_in(&Folder::open(place.join("log")).unwrap()).unwrap();
    let log = log.with_durability(Durability::Buffered);
    let mut ids = Vec::new();
    for first in (0..NODES).step_by(10_000) {
        let docs = (first..first + 10_000).map(|n| Doc { links: vec![], value: n.to_string() });
        ids.extend(log.batch(docs).unwrap().iter().map(|node| node.id));
    }
    ids
}

/// Looks at rows without mapping anything: they are those of the first nodes, as many as the place says.
fn look(stored: Vec<(bytes::Bytes, bytes::Bytes)>, last: u64, ids: &[NodeId]) -> Result<(), String> {
    let expected = i64::try_from(last * last.saturating_sub(1) / 2).unwrap();
    let mut left: std::collections::BTreeSet<&[u8]> =
        ids[..usize::try_from(last).unwrap()].iter().map(|id| id.as_bytes().as_slice()).collect();
    for (key, value) in stored {
        if &key[..] == ALL {
            let sum = number(Some(value));
            if sum != expected {
                return Err(format!("the sum of {last} is {sum}"));
            }
        } else if value[..] != [1] {
            return Err(format!("a node was mapped {} times", value[0]));
        } else if !left.remove(&key[..]) {
            return Err("a node was mapped before its time".into());
        }
    }
    if left.is_empty() { Ok(()) } else { Err(format!("{} of {last} nodes are missing", left.len())) }
}

/// What lies on the disk, with no view open: how far it is said to be, and the rows.
fn stored(place: &Path) -> (u64, Vec<(bytes::Bytes, bytes::Bytes)>) {
    let level = Fjall::open(place.join("rows")).unwrap();
    let sub = level::Level::sub(&level, "index/sum").unwrap();
    let cursor = level::Read::get(&level, sub, b"c").unwrap();
    let last = cursor.map_or(0, |row| u64::from_be_bytes(row[5..13].try_into().unwrap()));
    let rows = level::Read::range(&level, sub, level::KeyRange::prefix(b"v"), Order::Ascending);
    (last, rows.map(|row| row.map(|(key, value)| (key.slice(1..), value)).unwrap()).collect())
}

/// Goes on where a killed process stopped, to the end; gives how far that was.
fn finish(place: &Path) -> u64 {
    let (log, index) = open(place);
    let (last, rebuild) = (index.last().0, index.rebuild());
    assert_eq!((rebuild, log.last().0), (None, NODES));
    index.ready().unwrap();
    assert_eq!(index.view().calls().len() as u64, NODES - last, "nothing is mapped again");
    last
}

/// Numbers that look random.
fn dice(seed: &mut u64, n: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % n
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it waits for a process, and deletes what that made")]
fn a_view_whose_process_is_killed_at_any_moment_has_each_node_once() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path();
    let ids = prepare(place);
    let began = Instant::now();
    assert!(start(place).wait().unwrap().success());
    // How long it takes here and now; it changes with the load of the machine, so the moments follow it.
    let mut micros = u64::try_from(began.elapsed().as_micros()).unwrap();
    let (last, rows) = stored(place);
    assert_eq!((last, look(rows, last, &ids)), (NODES, Ok(())));
    std::fs::remove_dir_all(place.join("rows")).unwrap();
    let (mut seed, mut middle, mut before) = (7, 0, 0);
    for kill in 0..20 {
        let mut child = start(place);
        std::thread::sleep(Duration::from_micros(micros / 6 + dice(&mut seed, micros / 2)));
        child.kill().unwrap();
        let finished = child.wait().unwrap().success();
        let (last, rows) = stored(place);
        look(rows, last, &ids).unwrap();
        assert!(last >= before && (!finished || last == NODES), "{last} after {before}");
        middle += u32::from(last > before && last < NODES);
        micros = if last == before { micros * 6 / 5 } else { micros * 19 / 20 };
        before = last;
        if kill % 7 == 6 {
            assert_eq!(finish(place), last);
            let (last, rows) = stored(place);
            assert_eq!((last, look(rows, last, &ids)), (NODES, Ok(())));
            before = last;
        }
        // The next one begins anew, or goes on.
        if before > NODES / 2 {
            std::fs::remove_dir_all(place.join("rows")).unwrap();
            before = 0;
        }
    }
    assert!(middle >= 7, "only {middle} of 20 were killed in the middle");
}

#[test]
fn the_look_sees_a_node_that_is_missing_or_was_mapped_twice() {
    // The control.
    let id = |n| NodeId::from_bytes([n; 32]);
    let ids = [id(1), id(2), id(3)];
    let row =
        |n: u8, times| (bytes::Bytes::copy_from_slice(&[n; 32]), bytes::Bytes::copy_from_slice(&[times]));
    let sum = |sum: i64| (bytes::Bytes::from_static(ALL), bytes::Bytes::copy_from_slice(&sum.to_be_bytes()));
    look(vec![row(1, 1), row(2, 1), sum(1)], 2, &ids).unwrap();
    look(vec![], 0, &ids).unwrap();
    look(vec![row(1, 1), row(2, 2), sum(1)], 2, &ids).unwrap_err();
    look(vec![row(1, 1), sum(1)], 2, &ids).unwrap_err();
    look(vec![row(1, 1), row(2, 1), row(3, 1), sum(1)], 2, &ids).unwrap_err();
    look(vec![row(1, 1), row(2, 1), sum(3)], 2, &ids).unwrap_err();
}
