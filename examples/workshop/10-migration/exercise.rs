//! Migration: the log stays as it is, and the view is built anew.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

use std::collections::BTreeMap;

use hyperlog::{Hyperlog, Json, Level, Node, NodeId};
use hyperlog_index::{Fold, Index, Rebuild};
use serde::{Deserialize, Serialize};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A vote, in every format in which votes were ever written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Vote {
    /// The first: `"chili"`.
    Dish(String),
    /// The second: `{"dish": "chili", "eaters": 3}`.
    Party { dish: String, eaters: u32 },
}

/// The log, with votes of all formats.
pub type Log = Hyperlog<Json<Vote>>;

/// How many want each dish.
pub type Tally = BTreeMap<String, u64>;

/// The view of last year. It knows one format.
pub type First = Fold<Json<String>, Tally, fn(&mut Tally, &Node<String>)>;

/// Opens the view of last year, which is version 1.
pub fn open_first(log: &Log, level: impl Level + 'static) -> Result<Index<First>> {
    let votes: First = Fold::new("votes", 1, Tally::new(), |tally, vote| {
        if let Some(dish) = vote.value() {
            *tally.entry(dish.clone()).or_default() += 1;
        }
    });
    Ok(Index::open(log, level, votes)?)
}

/// The view of today. It knows both.
pub type Second = Fold<Json<Vote>, Tally, fn(&mut Tally, &Node<Vote>)>;

/// Takes a vote of either format into the tally.
pub fn count(tally: &mut Tally, vote: &Node<Vote>) {
    // 1. Add the eaters to the dish. A vote of the first format stands for one eater.
    todo!("1: count votes of both formats")
}

/// Opens the view of today, in place of the first one.
pub fn open(log: &Log, level: impl Level + 'static) -> Result<Index<Second>> {
    // 2. As the first one is opened: the same name, another version, and `count` instead.
    todo!("2: open the view with another version")
}

/// Builds the view, calls `told` with how many nodes are done and how many there are, and says why it was built anew.
pub fn build(votes: &Index<Second>, told: &mut dyn FnMut(u64, u64)) -> Result<Option<Rebuild>> {
    // 3. Ask why it has to be built anew; afterwards it would be late. Then make it ready, with progress.
    todo!("3: build the view, with progress")
}

/// Votes in the second format.
pub fn vote(log: &Log, dish: &str, eaters: u32) -> Result<NodeId> {
    // 4. Append it, beside all that was written in the first format.
    todo!("4: vote in the second format")
}
