//! The check of the eleventh exercise: `cargo run -p examples --bin workshop-11`.

use std::process::ExitCode;

use check::{Result, ensure, same, step};
use exercise::List;
use hyperkv::{Identity, Memory, NodeId, Write};
use hyperlog::Binary;

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;

fn main() -> ExitCode {
    check::run(steps)
}

fn steps() -> Result<()> {
    step(1, "Sync two lists");
    let (ana, ben) = (list()?, list()?);
    ana.put("milk", "2 litres")?;
    ben.put("milk", "oat")?;
    ben.put("bread", "rye")?;
    let equal = exercise::meet(&ana, &ben)?;
    for (name, list) in [("ana", &ana), ("ben", &ben)] {
        let (milk, bread) = (list.get("milk")?, list.get("bread")?);
        println!("   {name} has {} values of milk, and {} of bread", milk.len(), bread.len());
        same(
            &format!("how many values milk and bread have at {name}'s"),
            &(milk.len(), bread.len()),
            &(2, 1),
        )?;
    }
    same("what was said of them: they are equal", &equal, &true)?;

    step(2, "Get all values of a key");
    for (name, list) in [("ana", &ana), ("ben", &ben)] {
        println!("   {name} gets {:?}", exercise::get(list, "milk")?);
        gets(list, "milk", &[Some("2 litres"), Some("oat")])?;
        gets(list, "bread", &[Some("rye")])?;
        gets(list, "jam", &[])?;
    }
    same(
        "whether both get them in the same order",
        &exercise::get(&ana, "milk")?,
        &exercise::get(&ben, "milk")?,
    )?;
    reads_what_it_can()?;

    step(3, "List the conflicts");
    lists_conflicts(&ana, &["milk"])?;
    lists_conflicts(&list()?, &[])?;

    step(4, "Merge the values of a key");
    let before = ids(&ana, "milk")?;
    merges(&ana, "milk", true)?;
    println!("   ana merged: {:?}", exercise::get(&ana, "milk")?);
    gets(&ana, "milk", &[Some("2 litres and oat")])?;
    let merge = ana.history("milk")?.next().ok_or("what was merged has no history")??;
    same("what the merge links to: what it has seen", &merge.links, &before)?;
    merges(&ana, "milk", false)?;
    merges(&ana, "jam", false)?;
    same("how many writes there were", &ana.log().last().0, &4)?;
    merges(&ben, "milk", true)?;
    replicate::sync(&ana, &ben)?;
    println!("   ben merged, too: {:?}", exercise::get(&ana, "milk")?);
    lists_conflicts(&ana, &["milk"])?;
    merges(&ben, "milk", true)?;
    gets(&ben, "milk", &[Some("2 litres and oat")])?;
    replicate::sync(&ana, &ben)?;
    lists_conflicts(&ana, &[])?;
    merges_in_order()?;

    step(5, "Read the history of a key");
    ana.put("bread", "rolls")?;
    ana.del("bread")?;
    ana.put("bread", "baguette")?;
    let history = exercise::history(&ana, "bread")?;
    println!("   {history:?}");
    let wanted = [Some("baguette"), None, Some("rolls"), Some("rye")];
    same("the history of the bread", &history, &wanted.map(|text| text.map(str::to_owned)).to_vec())?;
    same("how many writes of the milk there were", &exercise::history(&ana, "milk")?.len(), &5)?;
    same("the history of what was never written", &exercise::history(&ana, "jam")?, &vec![])?;

    step(6, "Delete a key, while somebody else puts it");
    deletes()
}

/// A delete takes what it has seen, and nothing else.
fn deletes() -> Result<()> {
    let (ana, ben) = (list()?, list()?);
    ana.put("eggs", "6")?;
    replicate::sync(&ana, &ben)?;
    exercise::delete(&ana, "eggs")?;
    gets(&ana, "eggs", &[None])?;
    ben.put("eggs", "12")?;
    replicate::sync(&ana, &ben)?;
    println!("   ana deleted, and ben put: {:?}", exercise::get(&ana, "eggs")?);
    for list in [&ana, &ben] {
        gets(list, "eggs", &[None, Some("12")])?;
        lists_conflicts(list, &["eggs"])?;
    }
    merges(&ana, "eggs", true)?;
    println!("   ana merged:               {:?}", exercise::get(&ana, "eggs")?);
    gets(&ana, "eggs", &[Some("12")])?;
    replicate::sync(&ana, &ben)?;
    exercise::delete(&ben, "eggs")?;
    exercise::delete(&ana, "eggs")?;
    replicate::sync(&ana, &ben)?;
    println!("   both deleted:             {:?}", exercise::get(&ana, "eggs")?);
    gets(&ana, "eggs", &[None, None])?;
    merges(&ana, "eggs", false)?;
    exercise::delete(&ana, "eggs")?;
    println!("   ana deleted once more:    {:?}", exercise::get(&ana, "eggs")?);
    gets(&ana, "eggs", &[None])?;
    let last = ana.history("eggs")?.next().ok_or("what was deleted has no history")??;
    same("how many deletes the last one has seen", &last.links.len(), &2)?;
    lists_conflicts(&ana, &[])?;
    same("the whole history, in which nothing is lost", &exercise::history(&ana, "eggs")?.len(), &7)
}

/// What is merged must not depend on the ids, which are others in each run. So there are many.
fn merges_in_order() -> Result<()> {
    let list = list()?;
    for jam in 0..8 {
        let jam = format!("jam {jam}");
        for kind in ["plum", "apricot", "plum"] {
            list.write(Write::put(&jam, kind).links([]))?;
        }
        merges(&list, &jam, true)?;
        gets(&list, &jam, &[Some("apricot and plum")])?;
    }
    Ok(())
}

/// Somebody wrote what is no text.
fn reads_what_it_can() -> Result<()> {
    let list = list()?;
    list.with_encoding::<Binary>().write(Write::put("milk", vec![0xff]))?;
    ensure(
        exercise::get(&list, "milk").is_err(),
        "a value that is no text is neither a put nor a delete: say why",
    )
}

fn list() -> Result<List> {
    Ok(List::open(Memory::new(), Identity::generate())?)
}

fn ids(list: &List, key: &str) -> Result<Vec<NodeId>> {
    Ok(list.get(key)?.ids().collect())
}

/// Which comes first is by their ids, so it differs from run to run.
fn gets(list: &List, key: &str, wanted: &[Option<&str>]) -> Result<()> {
    let mut found = exercise::get(list, key)?;
    found.sort_unstable();
    same(
        &format!("what {key} holds, sorted"),
        &found,
        &wanted.iter().map(|text| text.map(str::to_owned)).collect(),
    )
}

fn lists_conflicts(list: &List, wanted: &[&str]) -> Result<()> {
    let found = exercise::conflicts(list)?;
    println!("   conflicts: {found:?}");
    same("the keys in conflict", &found, &wanted.iter().map(|key| (*key).to_owned()).collect())
}

fn merges(list: &List, key: &str, wanted: bool) -> Result<()> {
    let before = list.log().last();
    let merged = exercise::merge(list, key)?;
    same(&format!("whether there was something to merge of {key}"), &merged, &wanted)?;
    same(
        &format!("how many writes that took of {key}"),
        &(list.log().last().0 - before.0),
        &u64::from(wanted),
    )
}
