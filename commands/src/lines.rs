//! Standard input, line by line, each line a node linked to the one before it.

use std::io::BufRead;

use hyperlog::{Doc, Hyperlog, Link, NodeId};

use crate::error::Failure;
use crate::progress::Progress;

/// Lines in one commit.
const COMMIT_LINES: usize = 10_000;
/// Bytes in one commit, so that long lines do not fill the memory.
const COMMIT_BYTES: usize = 16 << 20;

/// Adds every line. With `atomic` all of them in one commit, which holds them in memory. `stored` is told
/// the ids of each commit once it is durable.
pub(crate) fn add(
    log: &Hyperlog,
    mut links: Vec<NodeId>,
    input: &mut dyn BufRead,
    atomic: bool,
    mut stored: impl FnMut(&[NodeId]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let progress = Progress::new("lines", 0);
    let mut done = 0;
    loop {
        let lines = read_lines(input, atomic)?;
        if lines.is_empty() {
            return Ok(());
        }
        let docs = chain(&links, lines);
        let nodes = log.batch(docs).map_err(|source| not_stored(done, source))?;
        let ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
        stored(&ids)?;
        done += ids.len() as u64;
        progress.set(done);
        links = ids.last().copied().into_iter().collect();
    }
}

/// The next lines, as many as go into one commit. A line ends at a newline, which is not part of it.
fn read_lines(input: &mut dyn BufRead, all: bool) -> Result<Vec<bytes::Bytes>, Failure> {
    let (mut lines, mut bytes) = (Vec::new(), 0);
    while all || (lines.len() < COMMIT_LINES && bytes < COMMIT_BYTES) {
        let mut line = Vec::new();
        if input.read_until(b'\n', &mut line).map_err(Failure::Input)? == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        bytes += line.len();
        lines.push(line.into());
    }
    Ok(lines)
}

fn chain(first: &[NodeId], lines: Vec<bytes::Bytes>) -> Vec<Doc<bytes::Bytes>> {
    let link = |place: usize| match place.checked_sub(1) {
        None => first.iter().copied().map(Link::Node).collect(),
        Some(before) => vec![Link::Doc(before)],
    };
    lines.into_iter().enumerate().map(|(place, value)| Doc { links: link(place), value }).collect()
}

fn not_stored(done: u64, source: hyperlog::Error) -> Failure {
    Failure::Lines { from: done + 1, source }
}
