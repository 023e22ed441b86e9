//! What counts, in cases small enough to be followed by hand.

use hyperlog::{Kind, NodeId, Utf8};
use hyperlog_writers::{Channel, Keep, Role, State};

use crate::rogue::Rogue;
use crate::support::{export, found, join, key, open, sync, values};

fn revoke_of(grant: NodeId, keep: &[NodeId]) -> Vec<u8> {
    let mut keep = keep.to_vec();
    keep.sort_unstable();
    [grant].iter().chain(&keep).flat_map(|id| *id.as_bytes()).collect()
}

/// A revocation by somebody who obeys no rule; it links what it names.
fn revoke(rogue: &Rogue, cap: NodeId, grant: NodeId, keep: &[NodeId]) -> NodeId {
    let links = [&[grant], keep].concat();
    rogue.act(Kind::Revoke, Some(cap), &links, revoke_of(grant, keep))
}

fn take(channel: &Channel<Utf8>, rogue: &Rogue) {
    channel.log().import(&rogue.export()[..]).unwrap();
}

fn void(channel: &Channel<Utf8>, id: &NodeId) -> bool {
    channel.log().is_void(id).unwrap()
}

fn state(channel: &Channel<Utf8>, grant: &NodeId) -> State {
    channel.grants().unwrap().iter().find(|found| found.id == *grant).unwrap().state
}

/// The values that count, ascending; the same for somebody who gets all of it in one commit.
fn counting(channel: &Channel<Utf8>) -> Vec<String> {
    let fresh = open(99, channel.key());
    fresh.log().import(&export(channel)[..]).unwrap();
    assert_eq!(fresh.log().heads().unwrap(), channel.log().heads().unwrap());
    assert_eq!(fresh.grants().unwrap(), channel.grants().unwrap());
    let [mut here, mut there] = [channel, &fresh].map(|channel| values(channel.log()));
    here.sort_unstable();
    there.sort_unstable();
    assert_eq!(here, there);
    here
}

/// Writer 1 is the founder, and has granted writer 2.
fn two(role: Role) -> (Channel<Utf8>, NodeId) {
    let ana = found(1);
    let grant = ana.authorize(key(2), role).unwrap();
    (ana, grant)
}

#[test]
fn of_two_resignations_that_do_not_know_of_each_other_neither_counts_and_both_end_the_grant() {
    let (ana, grant) = two(Role::Writer);
    let [one, other] = [Rogue::new(2, &ana), Rogue::new(2, &ana)];
    let on_one = one.write(grant, &[], "on one branch");
    let on_other = other.write(grant, &[], "on the other");
    let first = revoke(&one, grant, grant, &[on_one]);
    take(&ana, &one);
    assert!(!void(&ana, &first));
    assert_eq!(counting(&ana), ["on one branch"]);
    let second = revoke(&other, grant, grant, &[on_other]);
    take(&ana, &other);
    assert!(void(&ana, &first) && void(&ana, &second));
    assert_eq!(state(&ana, &grant), State::Revoked);
    assert_eq!(counting(&ana).len(), 0, "no branch is kept by both");
}

#[test]
fn a_resignation_that_names_an_earlier_one_leaves_it_and_is_void_itself() {
    let (ana, grant) = two(Role::Writer);
    let ben = Rogue::new(2, &ana);
    let node = ben.write(grant, &[], "kept");
    let first = revoke(&ben, grant, grant, &[node]);
    let second = revoke(&ben, grant, grant, &[first]);
    take(&ana, &ben);
    assert!(!void(&ana, &first) && void(&ana, &second));
    assert_eq!(counting(&ana), ["kept"]);
}

#[test]
fn a_resignation_counts_again_when_the_revocation_that_did_not_keep_it_falls() {
    let (ana, middle) = two(Role::Admin);
    let ben = join(2, &ana);
    let grant = ben.authorize(key(3), Role::Writer).unwrap();
    let cyd = join(3, &ben);
    cyd.log().append("mine").unwrap();
    let resigned = cyd.resign().unwrap()[0].id;
    sync(&ben, &cyd);
    ben.revoke(&grant, Keep::Only(vec![])).unwrap();
    sync(&ben, &ana);
    assert!(void(&ana, &resigned));
    assert_eq!(counting(&ana).len(), 0);
    ana.revoke(&middle, Keep::Only(vec![grant])).unwrap();
    assert!(!void(&ana, &resigned));
    assert_eq!(counting(&ana), ["mine"]);
    assert_eq!(state(&ana, &grant), State::Revoked, "it is still given back");
}

#[test]
fn of_a_forked_log_all_before_the_fork_is_kept_with_either_branch() {
    let (ana, grant) = two(Role::Writer);
    let stem = Rogue::new(2, &ana);
    stem.write(grant, &[], "stem");
    take(&ana, &stem);
    let [one, other] = [Rogue::new(2, &ana), Rogue::new(2, &ana)];
    let on_one = one.write(grant, &[], "one");
    let on_other = other.write(grant, &[], "other");
    other.write(grant, &[], "other, later");
    take(&ana, &one);
    take(&ana, &other);
    ana.revoke(&grant, Keep::Only(vec![on_one, on_other])).unwrap();
    assert_eq!(counting(&ana), ["one", "other", "stem"]);
    ana.revoke(&grant, Keep::Only(vec![on_other])).unwrap();
    assert_eq!(counting(&ana), ["other", "stem"], "what both keep");
    ana.revoke(&grant, Keep::Only(vec![on_one])).unwrap();
    assert_eq!(counting(&ana), ["stem"], "what all three keep");
}

#[test]
fn of_several_branches_that_another_revocation_keeps_the_nearest_one_decides() {
    let (ana, grant) = two(Role::Writer);
    let stem = Rogue::new(2, &ana);
    stem.write(grant, &[], "1");
    take(&ana, &stem);
    let early = Rogue::new(2, &ana);
    let second = stem.write(grant, &[], "2");
    take(&ana, &stem);
    let late = Rogue::new(2, &ana);
    let on_early = early.write(grant, &[], "1, other");
    let on_late = late.write(grant, &[], "2, other");
    stem.write(grant, &[], "3");
    [&early, &late, &stem].iter().for_each(|rogue| take(&ana, rogue));
    ana.revoke(&grant, Keep::Only(vec![on_late])).unwrap();
    assert_eq!(counting(&ana), ["1", "2", "2, other"]);
    ana.revoke(&grant, Keep::Only(vec![on_early, second])).unwrap();
    assert_eq!(counting(&ana), ["1", "2"]);
}

#[test]
fn a_resignation_that_one_revocation_keeps_counts_again_when_the_other_one_falls() {
    let (ana, middle) = two(Role::Admin);
    let ben = join(2, &ana);
    let grant = ben.authorize(key(3), Role::Writer).unwrap();
    let cyd = join(3, &ben);
    cyd.log().append("mine").unwrap();
    let resigned = cyd.resign().unwrap()[0].id;
    sync(&cyd, &ben);
    sync(&cyd, &ana);
    ana.revoke(&grant, Keep::Only(vec![resigned])).unwrap();
    assert!(!void(&ana, &resigned));
    ben.revoke(&grant, Keep::Only(vec![])).unwrap();
    sync(&ana, &ben);
    assert!(void(&ana, &resigned));
    ana.revoke(&middle, Keep::Only(vec![grant])).unwrap();
    assert!(!void(&ana, &resigned));
    assert_eq!(counting(&ana), ["mine"]);
}

#[test]
fn what_is_kept_of_one_grant_leads_through_nodes_under_another_and_leaves_those_be() {
    let (ana, first) = two(Role::Writer);
    let second = ana.authorize(key(2), Role::Writer).unwrap();
    let ben = Rogue::new(2, &ana);
    ben.write(first, &[], "first 1");
    ben.write(second, &[], "second 1");
    let kept = ben.write(first, &[], "first 2");
    ben.write(first, &[], "first 3");
    ben.write(second, &[], "second 2");
    take(&ana, &ben);
    ana.revoke(&first, Keep::Only(vec![kept])).unwrap();
    assert_eq!(counting(&ana), ["first 1", "first 2", "second 1", "second 2"]);
    assert!(ana.authorized(&key(2)).unwrap(), "the other grant stands");
    ana.revoke(&second, Keep::Only(vec![])).unwrap();
    assert_eq!(counting(&ana), ["first 1", "first 2"]);
}

#[test]
fn when_one_of_two_revocations_falls_the_other_alone_says_what_is_kept() {
    let (ana, middle) = two(Role::Admin);
    let ben = join(2, &ana);
    let grant = ben.authorize(key(3), Role::Writer).unwrap();
    let cyd = join(3, &ben);
    let one = cyd.log().append("one").unwrap().id;
    let two = cyd.log().append("two").unwrap().id;
    sync(&cyd, &ben);
    sync(&cyd, &ana);
    ben.revoke(&grant, Keep::Only(vec![one])).unwrap();
    ana.revoke(&grant, Keep::Only(vec![two])).unwrap();
    sync(&ana, &ben);
    assert_eq!(counting(&ana), ["one"]);
    ana.revoke(&middle, Keep::Only(vec![grant])).unwrap();
    assert_eq!(counting(&ana), ["one", "two"]);
    assert_eq!(state(&ana, &grant), State::Revoked);
}

#[test]
fn a_revocation_three_grants_up_decides_over_all_that_those_below_decided() {
    let (ana, to_ben) = two(Role::Admin);
    let ben = join(2, &ana);
    let to_cyd = ben.authorize(key(3), Role::Admin).unwrap();
    let cyd = join(3, &ben);
    let to_dan = cyd.authorize(key(4), Role::Admin).unwrap();
    let dan = join(4, &cyd);
    let to_eve = dan.authorize(key(5), Role::Writer).unwrap();
    let eve = join(5, &dan);
    eve.log().append("hers").unwrap();
    sync(&eve, &dan);
    let by_dan = dan.revoke(&to_eve, Keep::Only(vec![])).unwrap().id;
    sync(&dan, &cyd);
    assert_eq!(counting(&cyd).len(), 0);
    let by_cyd = cyd.revoke(&to_dan, Keep::Only(vec![to_eve])).unwrap().id;
    assert!(void(&cyd, &by_dan), "what dan revoked comes back");
    assert_eq!(counting(&cyd), ["hers"]);
    sync(&cyd, &ben);
    let by_ben = ben.revoke(&to_cyd, Keep::Only(vec![to_dan])).unwrap().id;
    assert!(void(&ben, &by_cyd) && !void(&ben, &by_dan), "dan is an admin again, and had revoked");
    assert_eq!(counting(&ben).len(), 0);
    sync(&ben, &ana);
    ana.revoke(&to_ben, Keep::Only(vec![])).unwrap();
    assert!([by_ben, by_cyd, by_dan].iter().all(|id| void(&ana, id)));
    assert_eq!(counting(&ana).len(), 0);
    let below = [to_cyd, to_dan, to_eve].map(|grant| state(&ana, &grant));
    assert_eq!(below, [State::Void; 3]);
    assert_eq!(state(&ana, &to_ben), State::Revoked);
}

#[test]
fn what_an_old_branch_says_does_not_count_however_late_or_early_it_comes() {
    let (ana, grant) = two(Role::Admin);
    let backdated = Rogue::new(2, &ana);
    let last = backdated.act(Kind::Grant, Some(grant), &[], [&key(3).as_bytes()[..], &[1]].concat());
    backdated.write(grant, &[], "never seen");
    let early = open(7, ana.key());
    take(&early, &backdated);
    assert_eq!(counting(&early), ["never seen"]);
    assert!(early.authorized(&key(3)).unwrap());
    ana.revoke(&grant, Keep::Here).unwrap();
    sync(&early, &ana);
    for channel in [&early, &ana] {
        assert_eq!(counting(channel).len(), 0);
        assert_eq!(state(channel, &last), State::Void);
        assert!(!channel.authorized(&key(3)).unwrap());
    }
}

#[test]
fn no_later_revocation_gives_back_what_an_earlier_one_of_the_same_admin_took() {
    let (ana, grant) = two(Role::Writer);
    let ben = join(2, &ana);
    let node = ben.log().append("his").unwrap().id;
    sync(&ana, &ben);
    ana.revoke(&grant, Keep::Only(vec![])).unwrap();
    ana.revoke(&grant, Keep::Only(vec![node])).unwrap();
    assert_eq!(counting(&ana).len(), 0);
}
