//! Standard input, line by line, each line a node linked to the one before it.

use std::io::{BufRead, Read};

use bytes::Bytes;
use hyperlog::{Doc, Hyperlog, Link, Node, NodeId, VALUE_BYTES_MAX};

use crate::error::Failure;
use crate::progress::Progress;

/// Lines in one commit.
pub(crate) const COMMIT_LINES: usize = 10_000;
/// Bytes in one commit, so that long lines do not fill the memory.
pub(crate) const COMMIT_BYTES: usize = 16 << 20;

/// Adds every line. With `atomic` all of them in one commit, which holds them in memory. `stored` is told
/// the nodes of each commit once it is durable.
pub(crate) fn add(
    log: &Hyperlog,
    mut links: Vec<NodeId>,
    input: &mut dyn BufRead,
    atomic: bool,
    mut stored: impl FnMut(&[Node]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let progress = Progress::new("lines", 0);
    let mut done = 0;
    loop {
        let Part { lines, too_long } = read_lines(input, atomic)?;
        let line = done + lines.len() as u64 + 1;
        if atomic && too_long {
            return Err(Failure::LongLine { line, kept: "nothing was stored" });
        }
        let nodes = log.batch(chain(&links, lines)).map_err(|source| not_stored(done, source))?;
        stored(&nodes)?;
        done += nodes.len() as u64;
        progress.set(done);
        if too_long {
            return Err(Failure::LongLine { line, kept: "the lines before it are stored" });
        }
        match nodes.last() {
            Some(last) => links = vec![last.id],
            None => return Ok(()),
        }
    }
}

/// What goes into one commit.
struct Part {
    lines: Vec<Bytes>,
    /// The line after these is longer than a value can be.
    too_long: bool,
}

/// The next lines, as many as go into one commit. A line ends at a newline, which is not part of it.
fn read_lines(input: &mut dyn BufRead, all: bool) -> Result<Part, Failure> {
    let (mut lines, mut bytes) = (Vec::new(), 0);
    while all || (lines.len() < COMMIT_LINES && bytes < COMMIT_BYTES) {
        match next(input, VALUE_BYTES_MAX)? {
            Line::Whole(line) => {
                bytes += line.len();
                lines.push(line.into());
            }
            Line::TooLong => return Ok(Part { lines, too_long: true }),
            Line::End => break,
        }
    }
    Ok(Part { lines, too_long: false })
}

/// What was read next.
pub(crate) enum Line {
    /// A line, without the newline that ends it.
    Whole(Vec<u8>),
    TooLong,
    End,
}

/// The next line, of at most `longest` bytes.
pub(crate) fn next(input: &mut dyn BufRead, longest: usize) -> Result<Line, Failure> {
    let mut line = Vec::new();
    // Not one byte further than it takes to see that a line is too long: it may never end.
    let mut start = input.take(longest as u64 + 1);
    if start.read_until(b'\n', &mut line).map_err(Failure::Input)? == 0 {
        return Ok(Line::End);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(if line.len() > longest { Line::TooLong } else { Line::Whole(line) })
}

fn chain(first: &[NodeId], lines: Vec<Bytes>) -> Vec<Doc<Bytes>> {
    let link = |place: usize| match place.checked_sub(1) {
        None => first.iter().copied().map(Link::Node).collect(),
        Some(before) => vec![Link::Doc(before)],
    };
    lines.into_iter().enumerate().map(|(place, value)| Doc { links: link(place), value }).collect()
}

fn not_stored(done: u64, source: hyperlog::Error) -> Failure {
    Failure::Lines { from: done + 1, source }
}
