//! The check of the fourth exercise: `cargo run -p examples --bin workshop-04`.

use std::process::ExitCode;

use check::{Result, ensure, same, step};
use hyperlog::{Hyperlog, Identity, Memory, Node, Read, Utf8};

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;

fn main() -> ExitCode {
    check::run(steps)
}

fn steps() -> Result<()> {
    let ana = written(&["ana: hello", "ana: anybody here?"])?;
    let ben = written(&["ben: one", "ben: two", "ben: three"])?;
    println!("Two logs, made apart:");
    show("ana", &ana)?;
    show("ben", &ben)?;

    step(1, "Export a log");
    let from_ana = exercise::export(&ana)?;
    let from_ben = exercise::export(&ben)?;
    println!("   ana's log takes {} bytes, ben's {}", from_ana.len(), from_ben.len());
    for (name, log, bytes) in [("ana", &ana, &from_ana), ("ben", &ben, &from_ben)] {
        same(
            &format!("what an empty log gets from {name}'s export"),
            &values(&read_in(bytes)?)?,
            &values(log)?,
        )?;
    }

    step(2, "Concatenate the exports");
    let both = exercise::concatenate(&from_ana, &from_ben);
    println!("   together they take {} bytes", both.len());
    ensure(
        both.len() == from_ana.len() + from_ben.len(),
        "together they have as many bytes as the one and the other",
    )?;
    let union = [values(&ana)?, values(&ben)?].concat();
    same("what an empty log gets from both", &values(&read_in(&both)?)?, &union)?;

    step(3, "Import them: the union");
    let cleo = written(&[])?;
    let first = exercise::import(&cleo, &both)?;
    println!("   {} exports, {} new nodes, {} known ones", first.exports, first.stored, first.duplicates);
    show("cleo", &cleo)?;
    same("cleo's values", &values(&cleo)?, &union)?;
    same("how many nodes were new", &first.stored, &5)?;
    let heads = cleo.heads()?;
    let mut wanted = [ana.heads()?, ben.heads()?].concat();
    wanted.sort_unstable();
    same("cleo's heads: ana's and ben's", &heads, &wanted)?;
    let again = exercise::import(&cleo, &both)?;
    println!(
        "   once more: {} exports, {} new nodes, {} known ones",
        again.exports, again.stored, again.duplicates
    );
    same("how many nodes were new the second time", &again.stored, &0)?;
    same("cleo's heads after that", &cleo.heads()?, &heads)?;

    step(4, "Import them in another order: the same heads");
    let (one, other) =
        (exercise::collect(&[&from_ana, &from_ben])?, exercise::collect(&[&from_ben, &from_ana])?);
    show("ana's first", &one)?;
    show("ben's first", &other)?;
    same("the values of who imports ana's first", &values(&one)?, &union)?;
    same(
        "the values of who imports ben's first",
        &values(&other)?,
        &[values(&ben)?, values(&ana)?].concat(),
    )?;
    ensure(
        one.writer() != other.writer(),
        "each log needs a writer of its own: generate an identity each time",
    )?;
    same("the heads of who imports ana's first", &one.heads()?, &heads)?;
    same("the heads of who imports ben's first", &other.heads()?, &heads)?;
    println!("   the change numbers differ, the ids and the heads do not");
    Ok(())
}

/// A log of a new writer, who appends `values`.
fn written(values: &[&str]) -> Result<Hyperlog<Utf8>> {
    let log = Hyperlog::open(Memory::new(), Identity::generate())?;
    for value in values {
        log.append(*value)?;
    }
    Ok(log)
}

/// An empty log that imports `bytes`. Not the learner's import, so that the steps are checked one by one.
fn read_in(bytes: &[u8]) -> Result<Hyperlog<Utf8>> {
    let log = written(&[])?;
    log.import(bytes)?;
    Ok(log)
}

fn nodes(log: &Hyperlog<Utf8>) -> Result<Vec<Node<String>>> {
    log.changes(Read::all()).map(|node| Ok(node?)).collect()
}

fn values(log: &Hyperlog<Utf8>) -> Result<Vec<String>> {
    Ok(nodes(log)?.iter().map(|node| node.value().cloned().unwrap_or_default()).collect())
}

fn show(name: &str, log: &Hyperlog<Utf8>) -> Result<()> {
    println!("   {name}:");
    for (node, value) in nodes(log)?.iter().zip(values(log)?) {
        println!(
            "     change {}, seq {}: {:?} {value:<18} links {:?}",
            node.change, node.seq, node.id, node.links
        );
    }
    println!("     heads {:?}", log.heads()?);
    Ok(())
}
