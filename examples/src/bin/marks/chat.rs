//! Marks of the chat: writing, reading, and what securing a stream costs a sync.

use std::sync::Arc;
use std::time::Instant;

use hyperkv::{HyperKv, Json};
use hyperlog::{Durability, Hyperlog, Identity, Level, Memory};
use hyperlog_writers::Channel;
use level::Fjall;
use replicate::Session;
use replicate::mux::{MuxLimits, mux};
use replicate::noise::{Side, secure};
use saga::Saga;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::figures::{Wanted, report, rounds};
use crate::logs::{BATCH, chain, values};
use crate::{Cli, Result};

const MESSAGES: usize = 20_000;
const NODES: usize = 200_000;

/// Messages, buffered, beside puts of the same keys and values into a map over a channel.
pub(crate) fn writing(cli: &Cli) -> Result<()> {
    let mut page = Vec::new();
    let mut told = Vec::new();
    let mut built = Vec::new();
    let rounds = rounds(cli, |dir| {
        let chat = fjall(dir, "chat")?;
        let ana = Saga::options().log(buffered()).open(Arc::clone(&chat), None, "ana")?;
        let start = Instant::now();
        for n in 0..MESSAGES {
            ana.write_message(&format!("message {n} of somebody who has something to say"))?;
        }
        let ours = MESSAGES as f64 / start.elapsed().as_secs_f64();
        let messages = ana.messages()?;
        let start = Instant::now();
        ana.history(messages.last().map(|last| last.position), 20)?;
        page.push(start.elapsed());
        let start = Instant::now();
        let mut feed = ana.subscribe("marks")?;
        let count = std::iter::from_fn(|| feed.try_next()).count();
        told.push(count as f64 / start.elapsed().as_secs_f64());
        drop((feed, ana));
        chat.remove("index/saga")?;
        let ana = Saga::options().log(buffered()).open(chat, None, "ana")?;
        let start = Instant::now();
        assert_eq!(ana.messages()?.len(), MESSAGES, "all of them are there again");
        built.push(MESSAGES as f64 / start.elapsed().as_secs_f64());
        Ok((ours, puts(dir, &ana, &messages)?))
    })?;
    report("messages, buffered; raw: puts into a map", &rounds, &Wanted::Nothing);
    let alone = |figures: Vec<f64>| figures.into_iter().map(|figure| (figure, 0.0)).collect::<Vec<_>>();
    report("messages told by a feed, each noted", &alone(told), &Wanted::Nothing);
    report("messages shown by a view that was thrown away", &alone(built), &Wanted::Nothing);
    println!("a page of 20 of {MESSAGES} messages: {:?}", crate::figures::median(&page));
    Ok(())
}

fn puts(dir: &std::path::Path, ana: &Saga, messages: &[saga::Message]) -> Result<f64> {
    let values: Vec<(String, Value)> = messages
        .iter()
        .map(|m| Ok((m.key.clone(), ana.db().get(&m.key)?.one().cloned().unwrap_or_default())))
        .collect::<Result<_>>()?;
    let level = fjall(dir, "map")?;
    let (root, founder) = (Identity::generate(), Identity::generate());
    let channel: Channel = Channel::found_with(buffered(), "marks", &root, founder, Arc::clone(&level))?;
    let map = HyperKv::<Json<Value>>::over(channel.log(), level)?;
    let start = Instant::now();
    for (key, value) in values {
        map.put(key, value)?;
    }
    Ok(MESSAGES as f64 / start.elapsed().as_secs_f64())
}

/// A first sync on a pipe in memory, secured and with several streams on it, beside the same as it is.
pub(crate) fn securing(cli: &Cli) -> Result<()> {
    let full: Hyperlog = Hyperlog::open(Memory::new(), Identity::generate())?;
    chain(&full, &values(NODES), BATCH)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let rounds = rounds(cli, |_| {
        let plain = runtime.block_on(async {
            let (one, other) = tokio::io::duplex(1 << 20);
            both(&full, one, other).await
        })?;
        let secured = runtime.block_on(async {
            let (one, other) = tokio::io::duplex(1 << 20);
            let (ana, ben) = (Identity::generate(), Identity::generate());
            let (one, other) = tokio::try_join!(secure(one, &ana, &[7; 32]), secure(other, &ben, &[7; 32]))?;
            let (opens, accepts) = if one.side == Side::Initiator { (one, other) } else { (other, one) };
            let (opener, drives) = mux(opens.stream, Side::Initiator, MuxLimits::default());
            let (accepter, driven) = mux(accepts.stream, Side::Responder, MuxLimits::default());
            let driving = [tokio::spawn(drives), tokio::spawn(driven)];
            let one = opener.open().await?;
            // The stream is there for the other side with its first bytes.
            let accepted = tokio::spawn(async move { accepter.accept().await });
            let mut one = one;
            tokio::io::AsyncWriteExt::write_all(&mut one, b"x").await?;
            tokio::io::AsyncWriteExt::flush(&mut one).await?;
            let mut other = accepted.await?.ok_or("no stream came")?;
            tokio::io::AsyncReadExt::read_u8(&mut other).await?;
            let took = both(&full, one, other).await;
            driving.iter().for_each(tokio::task::JoinHandle::abort);
            took
        })?;
        Ok((NODES as f64 / secured, NODES as f64 / plain))
    })?;
    report("nodes synced, secured and muxed; raw: neither", &rounds, &Wanted::Nothing);
    Ok(())
}

/// Seconds of a first sync between a log and an empty one.
async fn both<S>(full: &Hyperlog, one: S, other: S) -> Result<f64>
where
    S: AsyncRead + AsyncWrite,
{
    let empty: Hyperlog = Hyperlog::open(Memory::new(), Identity::generate())?;
    let session =
        |log: &Hyperlog| Session::new(log, replicate::Options::default(), std::time::Duration::ZERO);
    let start = Instant::now();
    let (one, other) =
        tokio::join!(replicate::run(session(full)?, one), replicate::run(session(&empty)?, other));
    assert!(one?.equal && other?.equal, "the logs are equal");
    Ok(start.elapsed().as_secs_f64())
}

fn buffered() -> hyperlog::Options {
    hyperlog::Options::default().durability(Durability::Buffered)
}

fn fjall(dir: &std::path::Path, name: &str) -> Result<Arc<dyn Level>> {
    Ok(Arc::new(Fjall::open(dir.join(name))?))
}
