//! Catching up: an index is asked, and nothing runs in the background.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

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
    // 1. Add one to the dish. A value may have been deleted: then there is nothing to count.
    todo!("1: count a vote")
}

/// The view of `log`, with its rows in `level`.
pub fn open(log: &Hyperlog<Utf8>, level: impl Level + 'static) -> Result<Index<Votes>> {
    // 2. Make a `Fold` of the name "votes", version 1, an empty tally and `count`. Open an index of it.
    todo!("2: open the index")
}

/// How many changes of the log the view has not looked at yet. Does not make it look.
pub fn behind(log: &Hyperlog<Utf8>, votes: &Index<Votes>) -> u64 {
    // 3. Both say which change is the last they know.
    todo!("3: see how far it is")
}

/// Throws all rows away.
pub fn forget(votes: &Index<Votes>) -> Result<()> {
    // 4. There is a call that does.
    todo!("4: throw the rows away")
}

/// The view of `log`, with its rows in a database of its own, in the folder `path`.
pub fn open_beside(log: &Hyperlog<Utf8>, path: &Path) -> Result<Index<Votes>> {
    // 5. Open the folder as a level, as in step 01, and the view on it.
    todo!("5: open the index in a database of its own")
}

/// Keeps the view up to date, also while nobody reads, and calls `told` with how far it is, each time that it went on.
/// Returns when it is as far as change `until`.
pub fn keep_warm(votes: &Index<Votes>, until: u64, told: &mut dyn FnMut(u64)) -> Result<()> {
    // 6. What keeps an index warm is an iterator. It waits, so end the loop yourself.
    todo!("6: keep it warm")
}
