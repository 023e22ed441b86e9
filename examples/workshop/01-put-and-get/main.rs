//! The check of the first exercise: `cargo run -p examples --bin workshop-01`.

use std::process::ExitCode;

use check::{Result, ensure, same, step};
use level::{Fjall, KeyRange, Level, Memory, Order};

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;

fn main() -> ExitCode {
    check::run(steps)
}

fn steps() -> Result<()> {
    let level = Memory::new();

    step(1, "Put a value under a key");
    exercise::put(&level, "hello", "world")?;
    show(&level)?;
    same("the rows after put(hello, world)", &rows(&level)?, &pairs(&[("hello", "world")]))?;
    exercise::put(&level, "hello", "moon")?;
    show(&level)?;
    same("the rows after put(hello, moon)", &rows(&level)?, &pairs(&[("hello", "moon")]))?;

    step(2, "Get it again");
    for (key, wanted) in [("hello", Some("moon")), ("nobody", None)] {
        let found = exercise::get(&level, key)?;
        println!("   get({key}) gives {found:?}");
        same(&format!("get({key})"), &found.as_deref(), &wanted)?;
    }

    step(3, "Read a range of keys");
    for (key, value) in
        [("fruit/pear", "green"), ("bread/rye", "dark"), ("fruit/apple", "red"), ("fruits", "many")]
    {
        exercise::put(&level, key, value)?;
    }
    show(&level)?;
    let keys = exercise::keys(&level, "fruit/")?;
    println!("   keys(fruit/) gives {keys:?}, in whatever order they were put");
    same("keys(fruit/)", &keys, &["fruit/apple", "fruit/pear"].map(str::to_owned).to_vec())?;

    step(4, "Put several rows, all or nothing");
    let level = Memory::new();
    exercise::put_all(&level, &[("jam/plum", "3 jars"), ("jam/fig", "1 jar")])?;
    show(&level)?;
    let both = pairs(&[("jam/fig", "1 jar"), ("jam/plum", "3 jars")]);
    same("the rows after put_all", &rows(&level)?, &both)?;
    // No level takes an empty key.
    let refused =
        exercise::put_all(&level, &[("jam/quince", "2 jars"), ("", "no key"), ("jam/rose", "5 jars")]);
    match &refused {
        Ok(()) => println!("   put_all with an empty key is not refused"),
        Err(error) => println!("   put_all with an empty key is refused: {error}"),
    }
    show(&level)?;
    same("of a batch that is refused, no row may be there", &rows(&level)?, &both)?;
    ensure(refused.is_err(), "put_all must say that a row was refused: pass the error on with `?`")?;

    step(5, "Keep a value on disk");
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("level");
    for (value, wanted) in [("Monday", None), ("Tuesday", Some("Monday")), ("Wednesday", Some("Tuesday"))] {
        let before = exercise::remember(&path, "today", value)?;
        println!("   open, remember {value}, close; there was {before:?} before");
        same("what was there before", &before.as_deref(), &wanted)?;
    }
    let level = Fjall::open(&path)?;
    show(&level)?;
    same("the rows on disk", &rows(&level)?, &pairs(&[("today", "Wednesday")]))
}

fn pairs(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn rows(level: &dyn Level) -> Result<Vec<(String, String)>> {
    let text = |bytes: bytes::Bytes| String::from_utf8_lossy(&bytes).into_owned();
    let rows = level.range(level.sub("notes")?, KeyRange::all(), Order::Ascending);
    rows.map(|row| row.map(|(key, value)| (text(key), text(value))).map_err(Into::into)).collect()
}

fn show(level: &dyn Level) -> Result<()> {
    let rows: Vec<String> = rows(level)?.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    println!("   the level holds: {}", if rows.is_empty() { "nothing".into() } else { rows.join(", ") });
    Ok(())
}
