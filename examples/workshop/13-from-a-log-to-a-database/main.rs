//! The check of the thirteenth exercise: `cargo run -p examples --bin workshop-13`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use check::{Result, chain, ensure, same, step};
use exercise::Map;
use hyperkv::disk::Folder;
use hyperkv::{HyperKv, Identity, Memory, NodeId};
use hyperlog::{Hyperlog, WriterId};
use hyperlog_writers::{Channel, NotAuthorized};
use lawless::Lawless;

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;
mod lawless;

fn main() -> ExitCode {
    check::run(steps)
}

/// Somebody with a key, the channel, and the map over that.
struct Peer {
    name: &'static str,
    identity: Identity,
    channel: Channel,
    map: Map,
}

fn steps() -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let here = temporary.path();

    step(1, "Found a channel");
    let recovery = here.join("recovery");
    let folder = Folder::open(here.join("ana"))?;
    let anas = exercise::found(&folder, "phone numbers", &recovery)?;
    founded(&folder, &anas, &recovery)?;
    let key = anas.key().to_string();
    println!("   ana founded \"phone numbers\"; the key of the root is in the file recovery");
    println!("   the key of the channel: {key}");

    step(2, "Open a channel by its key");
    let bens = opened(here, "ben", &key)?;
    let cyds = opened(here, "cyd", &key)?;
    let short = exercise::open(&Folder::open(here.join("short"))?, "4711");
    ensure(short.is_err(), "4711 is not the key of a channel")?;
    println!("   ben and cyd opened it; nothing is in it yet: {}", bens.1.log().last());
    replicate::sync(anas.log(), bens.1.log())?;
    same("what ben reads is its name", &name(&bens.1)?, &Some("phone numbers".to_owned()))?;
    println!("   ben synced with ana, and reads its name: {:?}", name(&bens.1)?.unwrap_or_default());

    step(3, "Open a map over the channel");
    let ana = Peer::new("ana", &folder, anas)?;
    let ben = Peer::new("ben", &bens.0, bens.1)?;
    let cyd = Peer::new("cyd", &cyds.0, cyds.1)?;
    ana.map.put("ana", "111")?;
    ana.has(&[("ana", Some("111"))])?;
    same(
        "the last of the log of the map, and of the channel",
        &ana.map.log().last(),
        &ana.channel.log().last(),
    )?;

    step(4, "Put, and say why not");
    ana.puts("ben", "000", None)?;
    ben.puts("ben", "222", Some(NotAuthorized::Never { writer: ben.writer() }))?;
    cyd.puts("cyd", "333", Some(NotAuthorized::Empty))?;
    same("what else can go wrong is an error", &exercise::put(&ana.map, "", "no key").is_err(), &true)?;

    step(5, "Authorize a writer, and not the other");
    exercise::authorize(&ana.channel, ben.writer())?;
    println!("   ana authorized ben; cyd carries it to him: she reads and relays, and need not be asked");
    meet(&ana, &cyd)?;
    meet(&cyd, &ben)?;
    ben.puts("ben", "222", None)?;
    cyd.puts("cyd", "333", Some(NotAuthorized::Never { writer: cyd.writer() }))?;
    meet(&ben, &cyd)?;
    meet(&cyd, &ana)?;
    for peer in [&ana, &ben, &cyd] {
        peer.has(&[("ana", Some("111")), ("ben", Some("222")), ("cyd", None)])?;
        peer.authorizes(&[(&ana, true), (&ben, true), (&cyd, false)])?;
    }
    same("may ben authorize cyd", &exercise::authorize(&ben.channel, cyd.writer()).is_ok(), &false)?;
    println!("   all three have the same map, and the same answer to who may write");
    without_asking(&cyd, &ana)?;

    step(6, "Revoke, and keep what is here");
    exercise::dismiss(&ana.channel, ben.writer())?;
    ben.puts("ben", "999", None)?;
    println!("   he does not know yet that ana dismissed him; now they meet");
    meet(&ana, &ben)?;
    meet(&ana, &cyd)?;
    ben.puts("ben", "998", Some(NotAuthorized::Revoked { writer: ben.writer() }))?;
    for peer in [&ana, &ben, &cyd] {
        peer.has(&[("ana", Some("111")), ("ben", Some("222"))])?;
        peer.authorizes(&[(&ana, true), (&ben, false), (&cyd, false)])?;
    }
    println!("   what he wrote before stays; what he wrote after is in every log, and counts nowhere");

    step(7, "Revoke, and keep what stands before a theft");
    exercise::authorize(&ana.channel, cyd.writer())?;
    meet(&ana, &cyd)?;
    cyd.puts("cyd", "333", None)?;
    let last = id(&cyd, "cyd")?;
    meet(&cyd, &ana)?;
    let thief = thief(&cyd)?;
    thief.puts("ana", "666", None)?;
    thief.puts("cyd", "666", None)?;
    meet(&thief, &ana)?;
    ana.has(&[("ana", Some("666")), ("ben", Some("222")), ("cyd", Some("666"))])?;
    exercise::cut(&ana.channel, cyd.writer(), last)?;
    for peer in [&ana, &ben, &cyd, &thief] {
        meet(&ana, peer)?;
        peer.has(&[("ana", Some("111")), ("ben", Some("222")), ("cyd", Some("333"))])?;
        peer.authorizes(&[(&ana, true), (&ben, false), (&cyd, false)])?;
    }
    thief.puts("ana", "667", Some(NotAuthorized::Revoked { writer: cyd.writer() }))?;
    println!("   what the thief wrote over is back, on the thief's own map, too");
    ensure(ana.channel.log().fsck()?.is_clean(), "ana's log is sound")
}

impl Peer {
    fn new(name: &'static str, folder: &Folder, channel: Channel) -> Result<Self> {
        let map = exercise::map(folder, &channel)?;
        Ok(Self { name, identity: folder.identity(), channel, map })
    }

    fn writer(&self) -> WriterId {
        self.channel.log().writer()
    }

    /// Puts by the exercise, which says why not.
    fn puts(&self, key: &str, value: &str, refused: Option<NotAuthorized>) -> Result<()> {
        let before = self.channel.log().last().0;
        let found = exercise::put(&self.map, key, value)?;
        let said = found.as_ref().map_or_else(|| "done".to_owned(), ToString::to_string);
        println!("   {} puts {key} = {value}: {said}", self.name);
        same(&format!("why {} may not put {key}", self.name), &found, &refused)?;
        let written = self.channel.log().last().0 - before;
        same("how many nodes were written", &written, &u64::from(refused.is_none()))
    }

    fn has(&self, wanted: &[(&str, Option<&str>)]) -> Result<()> {
        let mut found = Vec::new();
        for (key, _) in wanted {
            found.push((*key, self.map.get(key)?.one().cloned()));
        }
        let shown = found.iter().filter_map(|(key, value)| Some(format!("{key} = {}", value.as_ref()?)));
        println!("   {} has {}", self.name, shown.collect::<Vec<_>>().join(", "));
        let wanted = wanted.iter().map(|(key, value)| (*key, value.map(str::to_owned))).collect();
        same(&format!("what {}'s map holds", self.name), &found, &wanted)
    }

    fn authorizes(&self, wanted: &[(&Self, bool)]) -> Result<()> {
        for (peer, wanted) in wanted {
            let found = self.channel.authorized(&peer.writer())?;
            same(&format!("whether {} may write, as {} has it", peer.name, self.name), &found, wanted)?;
        }
        Ok(())
    }
}

fn founded(folder: &Folder, channel: &Channel, recovery: &Path) -> Result<()> {
    same("its name", &name(channel)?, &Some("phone numbers".to_owned()))?;
    let writer = folder.identity().writer();
    same("who writes in the folder", &channel.log().writer(), &writer)?;
    same("whether the founder may write", &channel.authorized(&writer)?, &true)?;
    ensure(recovery.is_file(), "the key of the root should be in the file `recovery`")
}

fn name(channel: &Channel) -> Result<Option<String>> {
    Ok(channel.genesis()?.map(|genesis| genesis.name))
}

fn opened(here: &Path, name: &str, key: &str) -> Result<(Folder, Channel)> {
    let folder = Folder::open(here.join(name))?;
    let channel = exercise::open(&folder, key)?;
    same(&format!("which channel {name} opened"), &channel.key().to_string(), &key.to_owned())?;
    same(&format!("who writes in {name}'s folder"), &channel.log().writer(), &folder.identity().writer())?;
    Ok((folder, channel))
}

/// The node that a key's one value comes from.
fn id(peer: &Peer, key: &str) -> Result<NodeId> {
    Ok(peer.map.get(key)?.ids().next().ok_or("there is no value")?)
}

/// Somebody who copied the key of `peer`, and all that it has.
fn thief(peer: &Peer) -> Result<Peer> {
    let channel = Channel::open(Memory::new(), peer.identity.clone(), peer.channel.key())?;
    let map = HyperKv::over(channel.log(), Memory::new())?;
    let thief = Peer { name: "a thief", identity: peer.identity.clone(), channel, map };
    meet(&thief, peer)?;
    println!("   a thief copied {}'s key", peer.name);
    Ok(thief)
}

/// With a program that does not ask, cyd can write; and nobody takes it.
fn without_asking(cyd: &Peer, other: &Peer) -> Result<()> {
    let before = other.channel.log().last();
    let topic = cyd.channel.key().topic();
    let cap = other.channel.grants()?.first().ok_or("there are no grants")?.id;
    let options = Hyperlog::options().topic(topic).policy(Arc::new(Lawless(cap)));
    let log: Hyperlog = options.open(Arc::new(Memory::new()), cyd.identity.clone())?;
    replicate::sync(&log, other.channel.log())?;
    log.append("whatever")?;
    let refused = replicate::sync(other.channel.log(), &log).err();
    let refused = refused.ok_or("somebody took what cyd may not write")?;
    println!("   cyd writes with a program that does not ask, and syncs with {}:", other.name);
    println!("     {}", chain(&refused));
    same("how many nodes there are", &other.channel.log().last(), &before)
}

fn meet(one: &Peer, other: &Peer) -> Result<()> {
    let report = replicate::sync(one.channel.log(), other.channel.log())?;
    ensure(report.equal, format!("{} and {} synced, and are not equal: {report:?}", one.name, other.name))
}
