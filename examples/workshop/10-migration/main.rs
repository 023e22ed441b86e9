//! The check of the tenth exercise: `cargo run -p examples --bin workshop-10`.

use std::process::ExitCode;

use check::{Result, ensure, same, step};
use exercise::{Log, Tally, Vote};
use hyperlog::{Doc, Hyperlog, Identity, Json, Level, Memory, NodeId, Read, Utf8};
use hyperlog_index::Rebuild;

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;

/// Votes of the first year: more than one commit of a view takes.
const VOTES: u64 = 5000;

/// Another version is the reason.
const NEWER: Option<Rebuild> = Some(Rebuild::Version { from: 1, to: 2 });

fn main() -> ExitCode {
    check::run(steps)
}

fn steps() -> Result<()> {
    step(1, "Count votes of both formats");
    let log = log()?;
    let mut found = Tally::new();
    for vote in [dish("chili"), party("soup", 3), dish("soup"), party("chili", 2)] {
        exercise::count(&mut found, &log.append(vote)?);
    }
    println!("   {found:?}");
    same(
        "the tally of one chili, three soups, a soup and two chilis",
        &found,
        &tally(&[("chili", 3), ("soup", 4)]),
    )?;
    let gone = log.append(party("a dish that is taken back", 9))?.id;
    log.del(&gone)?;
    exercise::count(&mut found, &log.get(&gone)?);
    same("the tally after a vote without a value", &found, &tally(&[("chili", 3), ("soup", 4)]))?;

    step(2, "Open the view with another version");
    let (log, level) = (self::log()?, Memory::new());
    log.append(dish("chili"))?;
    log.append(party("chili", 3))?;
    let first = exercise::open_first(&log, level.clone())?;
    println!("   version 1: {:?}, and {} vote skipped", first.value()?, first.skipped()?.count());
    same("the tally of version 1", &first.value()?, &tally(&[("chili", 1)]))?;
    drop(first);
    let second = exercise::open(&log, level.clone())?;
    let why = second.rebuild();
    println!("   version 2 is opened, and to be built anew: {why:?}");
    same("why it is built anew", &why, &NEWER)?;
    same("the sub-levels of the level", &level.subs()?, &vec!["index/votes".into()])?;
    println!("   version 2: {:?}, and {} skipped", second.value()?, second.skipped()?.count());
    same("the tally of version 2", &second.value()?, &tally(&[("chili", 4)]))?;

    step(3, "Build the view, with progress");
    let (log, level) = (self::log()?, Memory::new());
    log.batch(
        (0..VOTES)
            .map(|n| Doc { links: Vec::new(), value: dish(["chili", "soup"][usize::from(n % 2 == 1)]) }),
    )?;
    let half = tally(&[("chili", VOTES / 2), ("soup", VOTES / 2)]);
    same("the tally of version 1", &exercise::open_first(&log, level.clone())?.value()?, &half)?;
    builds(&log, &level, &half)?;

    step(4, "Vote in the second format");
    lives_on(&log, &level, half)
}

/// The rows are built anew once, and the log stays as it was.
fn builds(log: &Log, level: &Memory, wanted: &Tally) -> Result<()> {
    let before = ids(log)?;
    let votes = exercise::open(log, level.clone())?;
    let mut told = Vec::new();
    let why = exercise::build(&votes, &mut |done, total| {
        println!("   {done} of {total}");
        told.push((done, total));
    })?;
    println!("   built anew: {why:?}");
    same("why it was built anew", &why, &NEWER)?;
    ensure(told.len() > 1, "`told` should be called after each commit, of which there is more than one")?;
    ensure(told.is_sorted(), format!("what is done should grow: {told:?}"))?;
    ensure(told.iter().all(|told| told.1 == VOTES), format!("there are {VOTES} nodes in all: {told:?}"))?;
    same("what was told last", &told.last(), &Some(&(VOTES, VOTES)))?;
    same("how far the view is after `build`", &votes.last().0, &VOTES)?;
    same("the tally", &votes.value()?, wanted)?;
    drop(votes);
    let votes = exercise::open(log, level.clone())?;
    told.clear();
    let why = exercise::build(&votes, &mut |done, total| told.push((done, total)))?;
    println!("   closed and opened again: {why:?}");
    same("why it was built anew the second time", &why, &None)?;
    same("what was told the second time: there was nothing to do", &told, &vec![])?;
    same("what the log holds", &ids(log)?, &before)
}

/// A peer who has the program of last year, and then that of today.
fn lives_on(log: &Log, level: &Memory, mut wanted: Tally) -> Result<()> {
    let votes = exercise::open(log, level.clone())?;
    let id = exercise::vote(log, "beans", 7)?;
    let text = log.with_encoding::<Utf8>().get(&id)?.value().cloned().unwrap_or_default();
    println!("   {id:?}: {text}");
    let json: serde_json::Value = serde_json::from_str(&text)?;
    same("the vote in the log", &json, &serde_json::json!({ "dish": "beans", "eaters": 7 }))?;
    same("how many nodes the log has", &log.last().0, &(VOTES + 1))?;

    let (ben, bens) = (self::log()?, Memory::new());
    replicate::sync(&ben, log)?;
    let first = exercise::open_first(&ben, bens.clone())?;
    println!("   ben has version 1: {:?}, and {} vote skipped", first.value()?, first.skipped()?.count());
    same("the tally of version 1", &first.value()?, &wanted)?;
    drop(first);
    wanted.insert("beans".into(), 7);
    let second = exercise::open(&ben, bens)?;
    println!("   ben has version 2: {:?}, and {} skipped", second.value()?, second.skipped()?.count());
    for (name, tally) in [("yours", votes.value()?), ("ben's", second.value()?)] {
        same(&format!("the tally of version 2, {name}"), &tally, &wanted)?;
    }
    let formats = log.with_encoding::<Utf8>().changes(Read::all());
    let quoted = formats.filter(|node| {
        node.as_ref().is_ok_and(|node| node.value().is_some_and(|text| text.starts_with('"')))
    });
    same("how many votes of the first format the log has", &(quoted.count() as u64), &VOTES)
}

fn log() -> Result<Log> {
    Ok(Hyperlog::<Json<Vote>>::open(Memory::new(), Identity::generate())?)
}

fn dish(dish: &str) -> Vote {
    Vote::Dish(dish.to_owned())
}

fn party(dish: &str, eaters: u32) -> Vote {
    Vote::Party { dish: dish.to_owned(), eaters }
}

fn tally(votes: &[(&str, u64)]) -> Tally {
    votes.iter().map(|(dish, votes)| ((*dish).to_owned(), *votes)).collect()
}

/// The ids of all nodes, in order: who has the same ids has the same log.
fn ids(log: &Log) -> Result<Vec<NodeId>> {
    log.with_encoding::<Utf8>().changes(Read::all()).map(|node| Ok(node?.id)).collect()
}
