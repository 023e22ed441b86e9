//! Checks links and heads, on top of what scuttleup checks.

use std::collections::BTreeMap;

use scuttleup::{Change, Checked, Entry, Log};

use crate::error::Error;
use crate::graph::{Graph, to_node};
use crate::heads;
use crate::node::{Node, NodeId};

pub(crate) fn run(log: &Log, progress: &mut dyn FnMut(u64, u64)) -> Result<Checked, Error> {
    let (mut total, mut rows) = (log.last().0, log.rows()?);
    let mut heads = BTreeMap::new();
    let (mut began, mut failed) = (false, None);
    let mut checked = log.fsck_with(|entry, checked| {
        // From here on adding waits: only now do the rows of heads belong to the nodes that are checked.
        if !std::mem::replace(&mut began, true) {
            total = log.last().0;
            match log.rows() {
                Ok(now) => rows = now,
                Err(error) => drop(failed.get_or_insert(error.into())),
            }
        }
        progress(entry.change().0, total);
        let node = match to_node(entry) {
            Ok(node) => node,
            Err(error) => return checked.add(log.limits(), entry.change(), error.to_string()),
        };
        if let Err(error) = check_parents(log, entry, &node, checked) {
            failed.get_or_insert(error);
        }
        match Graph::is_void(node.change, &rows) {
            Ok(true) => {}
            Ok(false) => count(&mut heads, &node),
            Err(error) => drop(failed.get_or_insert(error.into())),
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let stored = heads::read(&rows, usize::MAX)?;
    let mut counted: Vec<(Change, NodeId)> = heads.into_iter().map(|(id, change)| (change, id)).collect();
    counted.sort_unstable();
    if !stored.iter().eq(counted.iter().map(|(_, id)| id)) {
        checked.add(log.limits(), Change(0), "the heads differ from the nodes that nothing links to");
    }
    Ok(checked)
}

/// All that a node names must stand before it in the local order.
fn check_parents(log: &Log, entry: &Entry, node: &Node, checked: &mut Checked) -> Result<(), Error> {
    for parent in node.links.iter().chain(&node.cap) {
        match log.get(parent) {
            Ok(Some(stored)) if stored.change() < entry.change() => {}
            Ok(_) | Err(scuttleup::Error::Damaged { .. }) => {
                checked.add(
                    log.limits(),
                    entry.change(),
                    format!("names {parent}, which does not stand before it"),
                );
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn count(heads: &mut BTreeMap<NodeId, Change>, node: &Node) {
    for link in &node.links {
        heads.remove(link);
    }
    heads.insert(node.id, node.change);
}
