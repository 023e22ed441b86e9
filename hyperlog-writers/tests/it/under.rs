//! Several grants of one key, and what a revocation of one of them keeps.

use hyperlog_writers::{Error, Keep, Role, State};

use crate::rogue::Rogue;
use crate::support::{export, found, join, key, open, sync, values};

#[test]
fn who_has_several_grants_writes_under_the_one_nearest_to_the_root() {
    let ana = found(1);
    ana.authorize(key(2), Role::Admin).unwrap();
    let ben = join(2, &ana);
    let far = ben.authorize(key(3), Role::Writer).unwrap();
    sync(&ana, &ben);
    let near = ana.authorize(key(3), Role::Writer).unwrap();
    let cyd = join(3, &ana);
    let node = cyd.log().append("x").unwrap();
    assert_eq!(node.cap, Some(near));
    let member = ana.members().unwrap().into_iter().find(|member| member.key == key(3)).unwrap();
    let mut grants = [far, near];
    grants.sort_unstable();
    assert_eq!(member.grants.iter().map(|grant| grant.id).collect::<Vec<_>>(), grants);
    sync(&ana, &cyd);
    // The other one is enough to go on.
    ana.revoke(&near, Keep::Here).unwrap();
    sync(&ana, &cyd);
    assert_eq!(cyd.log().append("y").unwrap().cap, Some(far));
    sync(&ana, &cyd);
    assert_eq!(values(ana.log()), ["x", "y"]);
}

#[test]
fn revoking_a_key_ends_all_its_grants_and_keeps_all_before_what_is_named() {
    let ana = found(1);
    let (first, second) =
        (ana.authorize(key(2), Role::Writer).unwrap(), ana.authorize(key(2), Role::Writer).unwrap());
    let rogue = Rogue::new(2, &ana);
    rogue.write(first, &[], "one");
    rogue.write(first, &[], "two");
    let three = rogue.write(second, &[], "three");
    rogue.write(second, &[], "four");
    ana.log().import(&rogue.export()[..]).unwrap();
    assert!(matches!(
        ana.revoke_key(&key(2), Keep::Only(vec![ana.log().append("own").unwrap().id])),
        Err(Error::KeepsOther { .. })
    ));
    let other = join(8, &ana);
    let revoked = ana.revoke_key(&key(2), Keep::Only(vec![three])).unwrap();
    assert_eq!(revoked.len(), 2);
    assert_eq!(values(ana.log()), ["one", "two", "three", "own"], "all before it, under whichever grant");
    sync(&ana, &other);
    assert_eq!(values(other.log()).len(), 4);
    assert!(matches!(ana.revoke_key(&key(2), Keep::Here), Err(Error::NoMember { .. })));
    let states =
        ana.grants().unwrap().into_iter().filter(|grant| grant.key == key(2)).map(|grant| grant.state);
    assert_eq!(states.collect::<Vec<_>>(), [State::Revoked, State::Revoked]);
}

#[test]
fn what_is_to_be_kept_is_checked_before_anything_is_written() {
    let ana = found(1);
    let grant = ana.authorize(key(2), Role::Writer).unwrap();
    let own = ana.log().append("own").unwrap().id;
    let last = ana.log().last();
    assert!(matches!(ana.revoke(&grant, Keep::Only(vec![own])), Err(Error::KeepsOther { .. })));
    let many = (0..17).map(|n| hyperlog::NodeId::from_bytes([n; 32])).collect();
    assert!(matches!(ana.revoke(&grant, Keep::Only(many)), Err(Error::KeepsTooMuch { count: 17 })));
    assert!(matches!(ana.revoke(&own, Keep::Here), Err(Error::NoGrant { .. })));
    assert!(matches!(ana.resign(), Ok(revoked) if revoked.len() == 1));
    assert_eq!(ana.log().last().0, last.0 + 1);
}

#[test]
fn of_one_who_forked_more_often_than_can_be_kept_somebody_has_to_choose() {
    let ana = found(1);
    let grant = ana.authorize(key(2), Role::Writer).unwrap();
    let before = export(&ana);
    for n in 0..18 {
        // Each a copy that knows nothing of the others: eighteen first entries.
        let copy = open(9, ana.key());
        copy.log().import(&before[..]).unwrap();
        let clone = Rogue::new(2, &copy);
        clone.write(grant, &[], &n.to_string());
        ana.log().import(&clone.export()[..]).unwrap();
    }
    assert_eq!(ana.log().branches_of(&key(2)), 18);
    let last = ana.log().last();
    assert!(matches!(ana.revoke(&grant, Keep::Here), Err(Error::Forked { branches: 18 })));
    assert_eq!(ana.log().last(), last, "nothing is lost by default");
    let firsts = ana.log().nodes_at(&key(2), hyperlog::Seq(1)).unwrap();
    let keep = firsts.iter().take(16).map(|node| node.id).collect();
    assert_eq!(ana.revoke(&grant, Keep::Only(keep)).unwrap().kept.len(), 16);
    assert_eq!(values(ana.log()).len(), 16);
    assert!(ana.log().fsck().unwrap().is_clean());
}

#[test]
fn revoking_a_key_ends_what_comes_from_ones_own_and_leaves_what_does_not() {
    let ana = found(1);
    ana.authorize(key(2), Role::Admin).unwrap();
    let ben = join(2, &ana);
    let by_ben = ben.authorize(key(3), Role::Writer).unwrap();
    sync(&ana, &ben);
    ana.authorize(key(3), Role::Writer).unwrap();
    sync(&ana, &ben);
    let ended: Vec<_> = ben.revoke_key(&key(3), Keep::Here).unwrap();
    assert_eq!(ended.len(), 1);
    assert!(ben.authorized(&key(3)).unwrap(), "by the other one");
    assert!(matches!(ben.revoke_key(&key(3), Keep::Here), Err(Error::NotAbove { .. })));
    let state = ben.grants().unwrap().into_iter().find(|grant| grant.id == by_ben).unwrap().state;
    assert_eq!(state, State::Revoked);
}

#[test]
fn the_root_is_told_to_sync_before_it_grants() {
    let ana = found(1);
    let root = open(crate::support::ROOT, ana.key());
    assert!(matches!(root.authorize(key(2), Role::Admin), Err(Error::Empty)));
    sync(&ana, &root);
    root.authorize(key(2), Role::Admin).unwrap();
}

#[test]
fn who_stands_too_deep_under_one_grant_passes_on_another() {
    let ana = found(1);
    let mut channel = join(1, &ana);
    for n in 2..=32 {
        channel.authorize(key(n), Role::Admin).unwrap();
        channel = join(n, &channel);
    }
    channel.log().append("under the deep one").unwrap();
    assert!(matches!(channel.authorize(key(40), Role::Writer), Err(Error::TooDeep)));
    sync(&ana, &channel);
    ana.authorize(key(32), Role::Admin).unwrap();
    sync(&ana, &channel);
    channel.authorize(key(40), Role::Writer).unwrap();
}
