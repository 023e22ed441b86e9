//! Catching up: an index is asked, and nothing runs in the background.

use std::collections::BTreeMap;
use std::path::Path;

use hyperlog::{Hyperlog, Level, Node, Utf8};
use hyperlog_index::{Fold, Index};
use level::Fjall;

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How many want each dish.
pub type Tally = BTreeMap<String, u64>;

/// The view: all votes folded into one tally.
pub type Votes = Fold<Utf8, Tally, fn(&mut Tally, &Node<String>)>;

/// Takes a vote into the tally. The value of a node is the name of a dish.
pub fn count(tally: &mut Tally, vote: &Node<String>) {
    if let Some(dish) = vote.value() {
        *tally.entry(dish.clone()).or_default() += 1;
    }
}

/// The view of `log`, with its rows in `level`.
pub fn open(log: &Hyperlog<Utf8>, level: impl Level + 'static) -> Result<Index<Votes>> {
    let votes: Votes = Fold::new("votes", 1, Tally::new(), count);
    Ok(Index::open(log, level, votes)?)
}

/// How many changes of the log the view has not looked at yet. Does not make it look.
pub fn behind(log: &Hyperlog<Utf8>, votes: &Index<Votes>) -> u64 {
    log.last().0 - votes.last().0
}

/// Throws all rows away.
pub fn forget(votes: &Index<Votes>) -> Result<()> {
    Ok(votes.reset()?)
}

/// The view of `log`, with its rows in a database of its own, in the folder `path`.
pub fn open_beside(log: &Hyperlog<Utf8>, path: &Path) -> Result<Index<Votes>> {
    open(log, Fjall::open(path)?)
}

/// Keeps the view up to date, also while nobody reads, and calls `told` with how far it is, each time that it went on.
/// Returns when it is as far as change `until`.
pub fn keep_warm(votes: &Index<Votes>, until: u64, told: &mut dyn FnMut(u64)) -> Result<()> {
    for last in votes.warm() {
        let last = last?.0;
        told(last);
        if last >= until {
            break;
        }
    }
    Ok(())
}
