//! The check of the third exercise: `cargo run -p examples --bin workshop-03`.

use std::process::ExitCode;

use check::{Result, ensure, same, step};
use hyperlog::{Hyperlog, Identity, Memory, Node, NodeId, Utf8};

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;

fn main() -> ExitCode {
    check::run(steps)
}

fn steps() -> Result<()> {
    let log = Hyperlog::<Utf8>::open(Memory::new(), Identity::generate())?;

    step(1, "Add a node with links");
    let root = exercise::add(&log, &[], "what do we cook?")?;
    println!("   node {:?}: {:?}, linked to nothing", root.id, text(&root));
    same("the value of the node in the log", &text(&log.get(&root.id)?), &"what do we cook?".into())?;
    let soup = exercise::add(&log, &[root.id], "something with beans")?;
    println!("   node {:?}: {:?}, linked to {:?}", soup.id, text(&soup), soup.links);
    same("the value of the second node", &text(&log.get(&soup.id)?), &"something with beans".into())?;
    same("the links of the second node", &log.get(&soup.id)?.links, &vec![root.id])?;
    same("how many nodes there are", &log.last().0, &2)?;

    step(2, "List all nodes");
    let nodes = exercise::list(&log)?;
    nodes.iter().for_each(show);
    let values: Vec<String> = nodes.iter().map(text).collect();
    same("the values, in the order in which they were added", &values, &vec![text(&root), text(&soup)])?;

    step(3, "Fork the graph");
    println!("   heads before: {:?}", log.heads()?);
    let heads = exercise::fork(&log, soup.id, "chili", "minestrone")?;
    let added = news(&log, 2)?;
    println!("   heads after:  {heads:?}");
    same(
        "the two new values",
        &added.iter().map(text).collect(),
        &vec!["chili".into(), "minestrone".into()],
    )?;
    for node in &added {
        same(&format!("the links of {:?}", text(node)), &node.links, &vec![soup.id])?;
    }
    let mut wanted: Vec<NodeId> = added.iter().map(|node| node.id).collect();
    wanted.sort_unstable();
    same("the heads that were returned", &heads, &wanted)?;

    step(4, "Merge the fork");
    let merged = exercise::merge(&log, "minestrone with chili")?;
    news(&log, 3)?;
    println!("   heads after:  {:?}", log.heads()?);
    same("the links of the merge: both heads", &merged.links, &wanted)?;
    same("the heads after the merge: the merge alone", &log.heads()?, &vec![merged.id])?;
    ensure(text(&merged) == "minestrone with chili", "the merge has another value than it was given")
}

/// Shows the graph, and returns what came after the first `known` nodes. Reads by itself: an exercise may be wrong.
fn news(log: &Hyperlog<Utf8>, known: u64) -> Result<Vec<Node<String>>> {
    let nodes = log.changes(hyperlog::Read::all()).collect::<std::result::Result<Vec<_>, _>>()?;
    nodes.iter().for_each(show);
    Ok(nodes.into_iter().filter(|node| node.change.0 > known).collect())
}

fn show(node: &Node<String>) {
    println!(
        "   change {}, seq {}: {:?} {:<24} links {:?}",
        node.change,
        node.seq,
        node.id,
        text(node),
        node.links
    );
}

fn text(node: &Node<String>) -> String {
    node.value().cloned().unwrap_or_default()
}
