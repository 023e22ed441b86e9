//! A map: two write apart, and both values are there.

use std::collections::BTreeSet;

use hyperkv::{HyperKv, Select, Utf8, What};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A shopping list: what to buy, and which or how much of it.
pub type List = HyperKv<Utf8>;

/// Syncs two lists, and says whether they are equal now.
pub fn meet(one: &List, other: &List) -> Result<bool> {
    Ok(replicate::sync(one, other)?.equal)
}

/// All that a key holds, in the order of the ids. A delete is a `None`.
pub fn get(list: &List, key: &str) -> Result<Vec<Option<String>>> {
    list.get(key)?.into_iter().map(|value| text(value.what)).collect()
}

/// The keys that hold more than one value, in order.
pub fn conflicts(list: &List) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    for entry in list.conflicts(Select::all())? {
        keys.push(String::from_utf8(entry?.key.to_vec())?);
    }
    Ok(keys)
}

/// Makes one of the values of a key: each text once, in order, joined by " and ". Says whether something was written. A
/// key without a conflict, or with nothing but deletes, is left as it is.
pub fn merge(list: &List, key: &str) -> Result<bool> {
    let merged = list.merge(key, |values| {
        let texts: BTreeSet<&str> = values.values().map(String::as_str).collect();
        (!texts.is_empty()).then(|| Vec::from_iter(texts).join(" and "))
    })?;
    Ok(merged.is_some())
}

/// All that was ever written of a key, newest first. A delete is a `None`.
pub fn history(list: &List, key: &str) -> Result<Vec<Option<String>>> {
    list.history(key)?.map(|written| text(written?.what)).collect()
}

/// Deletes a key.
pub fn delete(list: &List, key: &str) -> Result<()> {
    list.del(key)?;
    Ok(())
}

fn text(what: What<String>) -> Result<Option<String>> {
    match what {
        What::Put(text) => Ok(Some(text)),
        What::Deleted => Ok(None),
        What::Unreadable(why) => Err(why.into()),
    }
}
