//! What it costs: counted in rows that are read, which is the same on every machine.

use hyperlog::{Kind, Memory, Utf8};
use hyperlog_writers::{Channel, Keep, Role};
use level::testing::{Failing, Operation};

use crate::rogue::Rogue;
use crate::support::{export, found, join, key, open_on, sync, values};

/// Grants and as many revocations of them.
fn made(grants: usize) -> Channel<Utf8> {
    let ana = found(1);
    let granted: Vec<_> = (0..grants)
        .map(|n| ana.authorize(key(u8::try_from(2 + n % 50).unwrap()), Role::Writer).unwrap())
        .collect();
    for grant in &granted {
        ana.revoke(grant, Keep::Here).unwrap();
    }
    ana
}

/// Rows that storing an export reads.
fn reads(of: &Channel<Utf8>) -> u64 {
    let level = Failing::new(Memory::new());
    let channel = open_on(level.clone(), 9, of.key());
    let before = level.count(Operation::Read);
    channel.log().import(&export(of)[..]).unwrap();
    level.count(Operation::Read) - before
}

#[test]
fn grants_and_revocations_cost_a_few_rows_each_however_many_there_are() {
    let (few, many) = (made(100), made(2_000));
    let each = |channel: &Channel<Utf8>| reads(channel) / channel.log().last().0;
    let (few, many) = (each(&few), each(&many));
    assert!(many <= 25 && many <= few + 5, "{few} rows each of 200, {many} each of 4,000");
}

const MIB: usize = 1 << 20;

/// Bytes of values that are here.
fn bytes_here(channel: &Channel<Utf8>) -> usize {
    values_of_all(channel).iter().map(String::len).sum()
}

fn values_of_all(channel: &Channel<Utf8>) -> Vec<String> {
    let nodes = channel.log().changes(hyperlog::Read::all()).map(Result::unwrap);
    nodes.filter_map(|node| node.value().cloned()).collect()
}

#[test]
fn a_flood_of_a_revoked_writer_is_kept_as_headers_and_honest_peers_sync_on() {
    let ana = found(1);
    let grant = ana.authorize(key(2), Role::Writer).unwrap();
    let rogue = Rogue::new(2, &ana);
    let kept = rogue.write(grant, &[], "kept");
    ana.log().import(&rogue.export()[..]).unwrap();
    ana.revoke(&grant, Keep::Only(vec![kept])).unwrap();
    let flood = "x".repeat(100_000);
    for _ in 0..40 {
        rogue.write(grant, &[], &flood);
    }
    ana.log().import(&rogue.export()[..]).unwrap();
    let here = bytes_here(&ana);
    assert!((MIB - flood.len()..=MIB + 100).contains(&here), "{here} bytes of 4,000,000 are here");
    assert_eq!(ana.log().last().0, 5 + 40, "all headers are");
    assert_eq!(ana.log().pending().count(), 0, "nothing is asked for");
    // Void grants of a revoked admin open no accounts of their own.
    let ben = join(3, &ana);
    ana.log().append("honest").unwrap();
    sync(&ana, &ben);
    assert_eq!(values(ben.log()), ["kept", "honest"]);
    assert!(bytes_here(&ben) <= MIB + 100);
    for channel in [&ana, &ben] {
        assert!(channel.log().fsck().unwrap().is_clean());
    }
}

#[test]
fn void_grants_have_no_account_of_their_own() {
    let ana = found(1);
    let grant = ana.authorize(key(2), Role::Admin).unwrap();
    let rogue = Rogue::new(2, &ana);
    ana.revoke(&grant, Keep::Only(vec![])).unwrap();
    for n in 3..9 {
        let value = [&key(n).as_bytes()[..], &[Role::Writer as u8]].concat();
        let below = rogue.act(Kind::Grant, Some(grant), &[], value);
        let puppet = Rogue::new(n, &ana);
        puppet.log.import(&rogue.export()[..]).unwrap();
        for _ in 0..5 {
            puppet.write(below, &[], &"x".repeat(200_000));
        }
        ana.log().import(&puppet.export()[..]).unwrap();
    }
    let here = bytes_here(&ana);
    assert!(here <= MIB, "{here} bytes are here");
    assert_eq!(ana.log().last().0, 2 + 2 + 6 + 30, "all headers are");
}

#[test]
fn values_that_were_not_kept_come_when_the_revocation_falls() {
    let ana = found(1);
    let above = ana.authorize(key(2), Role::Admin).unwrap();
    let ben = join(2, &ana);
    let grant = ben.authorize(key(3), Role::Writer).unwrap();
    let cyd = join(3, &ben);
    sync(&ana, &ben);
    ben.revoke(&grant, Keep::Only(vec![])).unwrap();
    sync(&ana, &ben);
    // Who has not heard of the revocation writes on.
    for n in 0..20 {
        cyd.log().append(format!("{n:02}{}", "x".repeat(200_000))).unwrap();
    }
    sync(&ana, &cyd);
    assert!(bytes_here(&ana) <= MIB && values(ana.log()).is_empty());
    ana.revoke(&above, Keep::Only(vec![grant])).unwrap();
    assert_eq!(ana.log().pending().count(), 15, "what counts again is wanted again");
    sync(&ana, &cyd);
    let there: Vec<_> = values(cyd.log());
    assert_eq!(there.len(), 20);
    assert_eq!(values(ana.log()), there);
    assert!(ana.log().fsck().unwrap().is_clean());
}
