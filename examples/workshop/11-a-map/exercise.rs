//! A map: two write apart, and both values are there.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

use std::collections::BTreeSet;

use hyperkv::{HyperKv, Select, Utf8, What};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A shopping list: what to buy, and which or how much of it.
pub type List = HyperKv<Utf8>;

/// Syncs two lists, and says whether they are equal now.
pub fn meet(one: &List, other: &List) -> Result<bool> {
    // 1. Sync them face to face, in one process. The report says whether they are equal.
    todo!("1: sync two lists")
}

/// All that a key holds, in the order of the ids. A delete is a `None`.
pub fn get(list: &List, key: &str) -> Result<Vec<Option<String>>> {
    // 2. Get the key, and look at each value: what it says is a put, a delete, or nothing that can be read, which is an
    //    error here. You will need that again: make it a function.
    todo!("2: get all values of a key")
}

/// The keys that hold more than one value, in order.
pub fn conflicts(list: &List) -> Result<Vec<String>> {
    // 3. Ask the list for its conflicts, and make text of their keys.
    todo!("3: list the conflicts")
}

/// Makes one of the values of a key: each text once, in order, joined by " and ". Says whether something was written. A
/// key without a conflict, or with nothing but deletes, is left as it is.
pub fn merge(list: &List, key: &str) -> Result<bool> {
    // 4. The list has a call that shows you the values, and writes what you make of them.
    todo!("4: merge the values of a key")
}

/// All that was ever written of a key, newest first. A delete is a `None`.
pub fn history(list: &List, key: &str) -> Result<Vec<Option<String>>> {
    // 5. The list knows the history of a key. Each write of it says what was written.
    todo!("5: read the history of a key")
}

/// Deletes a key.
pub fn delete(list: &List, key: &str) -> Result<()> {
    // 6. Delete it. That is a write, too.
    todo!("6: delete a key")
}
