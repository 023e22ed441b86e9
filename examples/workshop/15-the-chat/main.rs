//! The check of the fifteenth exercise: `cargo run -p examples --bin workshop-15`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use check::{Result, ensure, same, step};
use room::{Wire, boxed, connect, exchange, hear, runtime, watched};
use saga::{Door, Memory, Role, Saga, signed_name};

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;
mod room;

/// How long anything may take that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long it takes until nothing more is believed to come.
const A_WHILE: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    check::run(steps)
}

fn steps() -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let here = temporary.path();
    let runtime = runtime()?;

    step(1, "Open a chat in a folder");
    let ana = opens(here)?;
    let ben = open(here, "ben", Some(&ana), "ben")?;

    step(2, "Hear each message once");
    let ana = runtime.block_on(hears(here, ana, &ben))?;

    step(3, "Talk over a connection");
    runtime.block_on(talks(&ana, &ben))?;

    step(4, "Tell who comes, leaves and asks");
    runtime.block_on(watches(&ana, &ben))?;

    step(5, "Let somebody write");
    let gil = runtime.block_on(lets_in(&ana, &ben))?;

    step(6, "Remove somebody");
    runtime.block_on(puts_out(&ana, &ben, &gil))
}

/// The chat in the folder of that name: that of somebody else, or one of its own.
fn open(here: &Path, folder: &str, of: Option<&Saga>, username: &str) -> Result<Saga> {
    let key = of.map(|saga| saga.key().to_string());
    exercise::open(&here.join(folder), key.as_deref(), username, Door::Open).map_err(boxed)
}

/// Somebody who has the key of a chat, and keeps it in memory.
fn guest(of: &Saga, username: &str) -> Result<Saga> {
    Ok(Saga::open(Memory::new(), Some(of.key()), username)?)
}

/// Name and fingerprint.
fn label(saga: &Saga) -> String {
    signed_name(&saga.username(), &saga.writer())
}

fn texts(saga: &Saga) -> Result<Vec<String>> {
    Ok(saga.messages()?.into_iter().map(|message| message.text).collect())
}

fn opens(here: &Path) -> Result<Saga> {
    let ana = open(here, "ana", None, "ana")?;
    same("her name", &ana.username().as_str(), &"ana")?;
    same("the door", &ana.door(), &Door::Open)?;
    ensure(
        here.join("ana.recovery").is_file(),
        "the key of the root should be in the file ana.recovery, beside the folder",
    )?;
    let (key, writer) = (ana.key(), ana.writer());
    println!("   ana founded a channel; its key: {key}");
    println!("   she is {}", label(&ana));
    ana.write_message("is anybody here?")?;
    drop(ana);
    let ana = open(here, "ana", None, "ana")?;
    same(
        "the key after closing and opening, without saying which",
        &ana.key().to_string(),
        &key.to_string(),
    )?;
    same("who writes there", &ana.writer(), &writer)?;
    println!("   she closed and opened it; its messages: {}", texts(&ana)?.join(", "));
    same("the messages", &texts(&ana)?, &vec!["is anybody here?".to_owned()])?;
    let dan = open(here, "dan", Some(&ana), "dan")?;
    same("the key of what dan opened", &dan.key().to_string(), &key.to_string())?;
    ensure(dan.write_message("me too").is_err(), "dan may not write yet")?;
    let text = exercise::open(&here.join("eve"), Some("4711"), "eve", Door::Open);
    ensure(text.is_err(), "4711 is not the key of a channel")?;
    let ask = exercise::open(&here.join("fay"), None, "fay", Door::Ask).map_err(boxed)?;
    same("the door, when it is to be asked", &ask.door(), &Door::Ask)?;
    Ok(ana)
}

/// Who wrote apart hears all of it, each message once, causes first, and over a restart. Returns ana's, opened again.
async fn hears(here: &Path, ana: Saga, ben: &Saga) -> Result<Saga> {
    ana.invite(ben.writer(), Role::Writer)?;
    exchange(&ana, ben)?;
    // A second ana: of another key.
    let other = guest(&ana, "ana")?;
    ana.invite(other.writer(), Role::Writer)?;
    exchange(&ana, &other)?;
    println!("   ana, ben and another ana write, and are offline");
    ben.write_message("anybody there?")?;
    ana.write_message("who brings bread?")?;
    other.write_message("I am ana, too")?;
    exchange(&ana, ben)?;
    exchange(&ana, &other)?;
    exchange(&ana, ben)?;
    let question = format!("{}: who brings bread?", label(&ana));
    let answer = format!("{}: I do", label(ben));
    ben.write_message("I do")?;
    exchange(&ana, ben)?;
    let all = [
        format!("{}: is anybody here?", label(&ana)),
        format!("{}: anybody there?", label(ben)),
        question.clone(),
        format!("{}: I am ana, too", label(&other)),
        answer.clone(),
    ];
    for saga in [&ana, ben] {
        let heard = hear(saga, all.len()).await?;
        for line in &heard {
            println!("   {} hears {line}", saga.username());
        }
        same(
            &format!("what {} heard, sorted", saga.username()),
            &sorted(heard.clone()),
            &sorted(all.to_vec()),
        )?;
        let place = |line: &String| heard.iter().position(|heard| heard == line);
        ensure(place(&question) < place(&answer), "an answer was heard before its question")?;
    }
    same("the messages in the order to show, as both have them", &texts(&ana)?, &texts(ben)?)?;
    println!("   both show: {}", texts(&ana)?.join(" / "));

    drop(ana);
    let ana = open(here, "ana", None, "ana")?;
    ben.write_message("while you were away")?;
    exchange(&ana, ben)?;
    let heard = hear(&ana, 1).await?;
    let wanted = vec![format!("{}: while you were away", label(ben))];
    same("what ana hears after a restart: only what she has not heard", &heard, &wanted)?;
    println!("   ana closes the chat, and opens it again: she hears {}", heard.join(", "));
    ben.write_message("look \u{1b}[2Jhere")?;
    exchange(&ana, ben)?;
    let heard = hear(&ana, 1).await?;
    ensure(
        !heard.concat().contains('\u{1b}'),
        "what a terminal obeys was not taken out of the text: take `text`",
    )?;
    Ok(ana)
}

/// Over sockets, live; somebody new comes through the open door, and a stranger does not.
async fn talks(ana: &Saga, ben: &Saga) -> Result<()> {
    let wire = connect(ana, ben).await?;
    let why = "did the chat `replicate`, or something below it?";
    wire.until(&format!("ana does not know that ben is here: {why}"), || Ok(ana.users().len() == 1)).await?;
    says(&wire, ben, "now over a wire", ana).await?;
    println!("   ana and ben are connected, and hear each other");
    let reports = leave(ben, wire).await?;
    ensure(
        reports.iter().all(|report| report.live && report.complete),
        "the talk should be live, and end in order",
    )?;
    println!("   ben says goodbye: received {}, sent {}", reports[1].received, reports[1].sent);

    let cyd = guest(ana, "cyd")?;
    let wire = connect(ana, &cyd).await?;
    let may = || Ok(cyd.channel().authorized(&cyd.writer())?);
    wire.until("cyd came through the open door, and may not write", may).await?;
    says(&wire, &cyd, "the door was open", ana).await?;
    println!("   cyd has the key, and connects: the door is open, she may write");
    leave(&cyd, wire).await?;

    let mallory = Saga::open(Memory::new(), None, "mallory")?;
    let wire = connect(ana, &mallory).await?;
    let ends = wire.ends().await?;
    ensure(ends.iter().all(std::result::Result::is_err), "a stranger, who has another key, was talked to")?;
    if let Err(error) = &ends[0] {
        println!("   a stranger connects, who does not know the key: {error}");
    }
    ensure(ana.users().is_empty(), "a stranger is among the users")
}

/// Says something, and waits until it has arrived.
async fn says(wire: &Wire, saga: &Saga, text: &str, to: &Saga) -> Result<()> {
    saga.write_message(text)?;
    let wrong = format!("{} does not hear what {} says: \"{text}\"", to.username(), saga.username());
    wire.until(&wrong, || Ok(texts(to)?.iter().any(|one| one == text))).await
}

/// Says goodbye, and returns how both sides fared.
async fn leave(saga: &Saga, wire: Wire) -> Result<Vec<replicate::Report>> {
    saga.disconnect().await;
    wire.ends().await?.into_iter().map(|end| end.map_err(boxed)).collect()
}

async fn watches(ana: &Saga, ben: &Saga) -> Result<()> {
    let mut told = watched(ana.events());
    let wire = connect(ana, ben).await?;
    told.tells(&[format!("{} is here", label(ben))]).await?;
    wire.breaks().await;
    told.tells(&[]).await?;
    println!("   the wire breaks: for 30 seconds he has not left; now he is back");
    let wire = connect(ana, ben).await?;
    says(&wire, ben, "back again", ana).await?;
    told.tells(&[]).await?;
    leave(ben, wire).await?;
    told.tells(&[format!("{} has left", label(ben))]).await?;

    ana.set_door(Door::Ask);
    let hal = guest(ana, "hal")?;
    let wire = connect(ana, &hal).await?;
    told.tells(&[format!("{} is here", label(&hal)), format!("{} asks", label(&hal))]).await?;
    ensure(!ana.channel().authorized(&hal.writer())?, "hal asked, and nobody said yes")?;
    leave(&hal, wire).await?;
    told.tells(&[format!("{} has left", label(&hal))]).await
}

/// Two of the same name ask. Returns the one who was let in.
async fn lets_in(ana: &Saga, ben: &Saga) -> Result<Saga> {
    let (one, other) = (guest(ana, "gil")?, guest(ana, "gil")?);
    let wires = [connect(ana, &one).await?, connect(ana, &other).await?];
    let both = || Ok(ana.requests()?.iter().filter(|request| request.username == "gil").count() == 2);
    wires[0].until("two who are called gil should ask", both).await?;
    println!("   two who are called gil ask to write");
    let refused =
        exercise::let_in(ana, "gil").err().ok_or("two are called gil, and one of them was let in")?;
    println!("   ana lets in gil: {refused}");
    let nobody = exercise::let_in(ana, "nobody").err().ok_or("nobody is called nobody, and was let in")?;
    println!("   ana lets in nobody: {nobody}");
    for _ in 0..2 {
        let key = exercise::let_in(ana, &label(&one)).map_err(boxed)?;
        same("whose key was let in", &key, &one.writer())?;
        same("as what it may write", &ana.channel().role(&key)?, &Some(Role::Writer))?;
    }
    let grants = ana.channel().grants()?.into_iter().filter(|grant| grant.key == one.writer()).count();
    same("how many grants it has, who was let in twice", &grants, &1)?;
    ensure(!ana.channel().authorized(&other.writer())?, "the other gil was let in")?;
    ensure(
        exercise::let_in(ben, &other.writer().to_string()).is_err(),
        "ben is no admin, and let somebody in",
    )?;
    wires[0]
        .until("who was let in does not hear of it", || Ok(one.channel().authorized(&one.writer())?))
        .await?;
    says(&wires[0], &one, "thank you", ana).await?;
    println!("   ana lets in {}: thank you", label(&one));
    for (wire, saga) in wires.into_iter().zip([&one, &other]) {
        leave(saga, wire).await?;
    }
    Ok(one)
}

async fn puts_out(ana: &Saga, ben: &Saga, gil: &Saga) -> Result<()> {
    let holds = |saga: &Saga, text: &str| {
        Ok::<_, Box<dyn std::error::Error>>(texts(saga)?.iter().any(|one| one == text))
    };
    gil.write_message("you do not know this yet")?;
    exercise::put_out(ana, &label(gil)).map_err(boxed)?;
    ensure(!ana.channel().authorized(&gil.writer())?, "gil was put out, and may still write")?;
    println!("   gil writes once more, and is offline; meanwhile ana removes him");
    ensure(exercise::put_out(ben, &label(ana)).is_err(), "ben removed ana, who is above him")?;
    ensure(exercise::put_out(ana, "nobody").is_err(), "nobody was removed")?;
    exchange(gil, ben)?;
    exchange(ana, ben)?;
    exchange(ana, gil)?;
    for saga in [ana, ben, gil] {
        let name = saga.username();
        ensure(
            holds(saga, "thank you")?,
            format!("what was here of gil is not there any more, at {name}'s"),
        )?;
        ensure(
            !holds(saga, "you do not know this yet")?,
            format!("what was not here of gil counts, at {name}'s"),
        )?;
    }
    let refused = gil.write_message("and now?").err().ok_or("gil can still write")?;
    println!("   they meet; gil writes again: {refused}");
    ana.write_message("he is gone")?;
    exchange(ana, gil)?;
    ensure(holds(gil, "he is gone")?, "gil has the key, and reads on")?;
    println!("   but he reads on: {}", texts(gil)?.last().cloned().unwrap_or_default());

    ana.set_door(Door::Open);
    let wire = connect(ana, gil).await?;
    wire.until("gil is not here", || Ok(ana.users().iter().any(|user| user.key == gil.writer()))).await?;
    tokio::time::sleep(A_WHILE).await;
    ensure(!ana.channel().authorized(&gil.writer())?, "who was removed came in again, under the same key")?;
    leave(gil, wire).await?;
    let again = guest(ana, "gil")?;
    let wire = connect(ana, &again).await?;
    wire.until("a new key should get in", || Ok(ana.channel().authorized(&again.writer())?)).await?;
    println!(
        "   an open door does not let {} in again, but {} it does: a key costs nothing",
        label(gil),
        label(&again)
    );
    leave(&again, wire).await?;
    Ok(())
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}
