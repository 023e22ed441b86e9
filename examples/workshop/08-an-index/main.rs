//! The check of the eighth exercise: `cargo run -p examples --bin workshop-08`.

use std::process::ExitCode;

use check::{Result, ensure, same, step};
use exercise::{Kv, Log};
use hyperlog::{Identity, Level, Memory, NodeId, Utf8};
use hyperlog_index::Index;
use level::{KeyRange, Order};

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;

fn main() -> ExitCode {
    check::run(steps)
}

fn steps() -> Result<()> {
    step(1, "Name a row");
    let id = add(&log()?, &[], "a", 3)?;
    let name = shown(&exercise::name("a", &id));
    println!("   {name}");
    same("the name: key, 0, id", &name, &named("a", id))?;

    step(2, "Make rows of a node");
    let log = log()?;
    // Opened by hand, so that the steps are checked one by one.
    let kv = Index::open(&log, Memory::new(), Kv)?;
    let three = add(&log, &[], "a", 3)?;
    same("the names of the rows after a = 3", &names(&kv)?, &vec![named("a", three)])?;
    let four = add(&log, &[three], "a", 4)?;
    let eight = add(&log, &[four], "a", 8)?;
    same("the names of the rows after 4 linked to 3, and 8 to 4", &names(&kv)?, &vec![named("a", eight)])?;
    let fifteen = add(&log, &[three], "a", 15)?;
    let mut both = vec![named("a", eight), named("a", fifteen)];
    both.sort_unstable();
    println!("   a = 3 <- 4 <- 8, and 3 <- 15: {} rows", both.len());
    same("the names of the rows after 15 linked to 3 alone", &names(&kv)?, &both)?;
    let other = add(&log, &[eight, fifteen], "ab", 1)?;
    both.push(named("ab", other));
    same("the names of the rows after ab = 1, which links to what a holds", &names(&kv)?, &both)?;
    let hundred = add(&log, &[eight, fifteen], "a", 100)?;
    let joined = vec![named("a", hundred), named("ab", other)];
    println!("   a = 100 links to both: {} row of it", joined.len() - 1);
    same("the names of the rows after 100 linked to 8 and 15", &names(&kv)?, &joined)?;
    log.with_encoding::<Utf8>().append("no JSON")?;
    add(&log, &[hundred], "a\0b", 5)?;
    same("the names of the rows after what no row can be made of", &names(&kv)?, &joined)?;
    let skipped = kv.skipped()?.collect::<std::result::Result<Vec<_>, _>>()?;
    skipped.iter().for_each(|skipped| println!("   skipped change {}: {}", skipped.change, skipped.reason));
    same(
        "how many nodes were skipped: one without JSON, and one whose key has a 0 in it",
        &skipped.len(),
        &2,
    )?;

    step(3, "Open the index");
    let level = Memory::new();
    let again = exercise::open(&log, level.clone())?;
    println!("   opened: it has read up to change {}, of {}", again.last(), log.last());
    same("the sub-levels of the level", &level.subs()?, &vec!["index/kv".into()])?;
    same("the names of the rows", &names(&again)?, &joined)?;
    println!("   read: it has read up to change {}", again.last());

    step(4, "Read the values of a key");
    replicas()?;

    step(5, "Put a value");
    puts()
}

/// Two who write apart, and then swap what they wrote.
fn replicas() -> Result<()> {
    let (ana, ben) = (log()?, log()?);
    let views = [Index::open(&ana, Memory::new(), Kv)?, Index::open(&ben, Memory::new(), Kv)?];
    same("what a key holds that nobody wrote", &exercise::get(&views[0], "a")?, &vec![])?;
    let three = add(&ana, &[], "a", 3)?;
    replicate::sync(&ana, &ben)?;
    same("what ben has of ana's a = 3", &exercise::get(&views[1], "a")?, &vec![(three, 3)])?;
    add(&ana, &[], "ab", 7)?;
    let four = add(&ana, &[three], "a", -4)?;
    let five = add(&ben, &[three], "a", 5)?;
    replicate::sync(&ana, &ben)?;
    let mut wanted = vec![(four, -4), (five, 5)];
    wanted.sort_unstable();
    for (name, view) in ["ana", "ben"].iter().zip(&views) {
        let found = exercise::get(view, "a")?;
        println!("   {name} reads: {found:?}");
        same(&format!("what a holds, as {name} reads it, in the order of the ids"), &found, &wanted)?;
    }
    Ok(())
}

fn puts() -> Result<()> {
    let log = log()?;
    let kv = Index::open(&log, Memory::new(), Kv)?;
    let first = exercise::put(&log, &kv, "a", 1)?;
    same("what the first node of a key links to", &log.get(&first)?.links, &vec![])?;
    add(&log, &[], "b", 2)?;
    let beside = add(&log, &[], "a", 3)?;
    let both = log.get(&exercise::put(&log, &kv, "a", 4)?)?;
    println!("   a held 1 and 3: {:?} links to {:?}", both.id, both.links);
    let mut wanted = vec![first, beside];
    wanted.sort_unstable();
    same("what a node of a links to: what a held, and nothing else", &both.links, &wanted)?;
    same("what it says", &both.value(), &Some(&("a".to_owned(), 4)))?;
    let mut left: Vec<i64> = exercise::get(&kv, "a")?.into_iter().map(|(_, value)| value).collect();
    left.extend(exercise::get(&kv, "b")?.into_iter().map(|(_, value)| value));
    same("what a and b hold", &left, &vec![4, 2])?;
    ensure(log.last().0 == 4, "each put adds one node")
}

fn log() -> Result<Log> {
    Ok(Log::open(Memory::new(), Identity::generate())?)
}

fn add(log: &Log, links: &[NodeId], key: &str, value: i64) -> Result<NodeId> {
    Ok(log.add(links, (key.to_owned(), value))?.id)
}

/// The name that a row should have, as it is shown.
fn named(key: &str, id: NodeId) -> String {
    format!("{key} 0 {id:?}")
}

/// A name for people; one that is none, as its bytes.
fn shown(name: &[u8]) -> String {
    match name.split_last_chunk() {
        Some(([key @ .., 0], id)) => named(&key.escape_ascii().to_string(), NodeId::from_bytes(*id)),
        _ => name.escape_ascii().to_string(),
    }
}

fn names(kv: &Index<Kv>) -> Result<Vec<String>> {
    kv.range(KeyRange::all(), Order::Ascending)?.map(|row| Ok(shown(&row?.0))).collect()
}
