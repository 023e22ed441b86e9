//! Stores that fail and crash: who may write, and what counts, is always what the nodes that are left say.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyperlog::{Durability, Level, Memory, NodeId, Options, Read, Utf8};
use hyperlog_writers::{Channel, ChannelKey, Keep, Role};
use level::testing::{Crashing, Failing, Operation};

use crate::support::{export, found, identity, join, key, open, sync};

fn over(
    level: &(impl Level + Clone + 'static),
    channel: ChannelKey,
    durability: Durability,
) -> Result<Channel<Utf8>, hyperlog::OpenError> {
    let options = Options::default().durability(durability);
    Channel::open_with(options, Arc::new(level.clone()), identity(1), channel)
}

/// What a channel says of each node that is there.
fn verdicts(channel: &Channel<Utf8>) -> BTreeMap<NodeId, bool> {
    let log = channel.log();
    let ids = log.changes(Read::all()).map(|node| node.unwrap().id);
    ids.map(|id| (id, log.is_void(&id).unwrap())).collect()
}

/// All that the channel says is what one says that gets the same nodes at once.
fn check(channel: &Channel<Utf8>, what: &str) {
    assert!(channel.log().fsck().unwrap().is_clean(), "{what}");
    let rebuilt = open(9, channel.key());
    rebuilt.log().import(&export(channel)[..]).unwrap();
    assert_eq!(verdicts(channel), verdicts(&rebuilt), "{what}");
    assert_eq!(channel.grants().unwrap(), rebuilt.grants().unwrap(), "{what}");
    assert_eq!(channel.log().heads().unwrap(), rebuilt.log().heads().unwrap(), "{what}");
}

/// What others make of a channel, step by step: writes, grants, revocations, one that voids, one that falls.
struct Story {
    key: ChannelKey,
    steps: Vec<Vec<u8>>,
    admin: NodeId,
    grant: NodeId,
    voided: usize,
}

fn story() -> Story {
    let ana = found(1);
    let mut steps = vec![export(&ana)];
    let ben = join(2, &ana);
    let admin = ana.authorize(key(2), Role::Admin).unwrap();
    steps.push(export(&ana));
    sync(&ana, &ben);
    let grant = ben.authorize(key(3), Role::Writer).unwrap();
    let cyd = join(3, &ben);
    for n in 0..5 {
        cyd.log().append(n.to_string()).unwrap();
    }
    sync(&ben, &cyd);
    steps.push(export(&ben));
    ben.revoke(&grant, Keep::Only(vec![])).unwrap();
    cyd.log().append("concurrent").unwrap();
    steps.push(export(&ben));
    steps.push(export(&cyd));
    sync(&ana, &ben);
    ana.revoke(&admin, Keep::Only(vec![grant])).unwrap();
    ana.log().append("after").unwrap();
    steps.push(export(&ana));
    let last = open(9, ana.key());
    steps.iter().for_each(|step| drop(last.log().import(&step[..]).unwrap()));
    let voided = verdicts(&last).values().filter(|void| **void).count();
    Story { key: ana.key(), steps, admin, grant, voided }
}

#[test]
fn the_story_has_a_revocation_that_falls() {
    // Or the tests below show less than they seem to.
    let story = story();
    assert_eq!(story.voided, 1, "the one that fell itself");
    let before = open(9, story.key);
    story.steps[..5].iter().for_each(|step| drop(before.log().import(&step[..]).unwrap()));
    assert_eq!(verdicts(&before).values().filter(|void| **void).count(), 6);
}

#[test]
fn whatever_a_power_cut_takes_standing_is_that_of_what_is_left() {
    let story = story();
    let mut lengths = Vec::new();
    for keep in 0..8 {
        let level = Crashing::new();
        let channel = over(&level, story.key, Durability::Buffered).unwrap();
        story.steps[..5].iter().for_each(|step| drop(channel.log().import(&step[..]).unwrap()));
        // From here on nothing waits for the disk.
        channel.revoke(&story.admin, Keep::Only(vec![story.grant])).unwrap();
        channel.log().append("after").unwrap();
        let again = channel.authorize(key(2), Role::Writer).unwrap();
        channel.revoke(&story.grant, Keep::Only(vec![])).unwrap();
        channel.revoke(&again, Keep::Here).unwrap();
        channel.resign().unwrap();
        let after = level.crash(keep);
        drop(channel);
        let channel = over(&after, story.key, Durability::Buffered).unwrap();
        check(&channel, &format!("{keep} batches left"));
        lengths.push(channel.log().last().0);
    }
    lengths.dedup();
    assert!(lengths.is_sorted() && lengths.len() == 7, "one more batch each time: {lengths:?}");
}

#[test]
fn whichever_operation_fails_standing_is_never_half_kept() {
    let story = story();
    for operation in [Operation::Apply, Operation::Read] {
        let count = {
            let level = Failing::new(Memory::new());
            let channel = over(&level, story.key, Durability::Synced).unwrap();
            story.steps.iter().for_each(|step| drop(channel.log().import(&step[..]).unwrap()));
            level.count(operation)
        };
        for n in (0..count).step_by(1 + usize::try_from(count / 60).unwrap()) {
            let what = format!("{operation:?} {n}");
            let level = Failing::new(Memory::new());
            level.fail_once(operation, n);
            if let Ok(channel) = over(&level, story.key, Durability::Synced) {
                let failed = story.steps.iter().any(|step| channel.log().import(&step[..]).is_err());
                level.heal();
                if !failed {
                    check(&channel, &what);
                }
            }
            level.heal();
            let channel = over(&level, story.key, Durability::Synced).unwrap();
            check(&channel, &what);
            story.steps.iter().for_each(|step| drop(channel.log().import(&step[..]).unwrap()));
            assert_eq!(verdicts(&channel).values().filter(|void| **void).count(), story.voided, "{what}");
            check(&channel, &what);
        }
    }
}
