//! The usual course of things.

use hyperlog_writers::{Error, Keep, Role};

use crate::support::{ROOT, found, join, key, members, sync, values};

#[test]
fn who_is_authorized_writes_and_who_is_not_reads() {
    let ana = found(1);
    ana.log().append("hello").unwrap();
    let ben = join(2, &ana);
    assert_eq!(values(ben.log()), ["hello"]);
    assert!(matches!(ben.log().append("me too"), Err(hyperlog::Error::Policy(_))));
    assert!(matches!(ben.authorize(key(3), Role::Writer), Err(Error::NotAdmin { .. })));
    ana.authorize(key(2), Role::Writer).unwrap();
    sync(&ana, &ben);
    ben.log().append("me too").unwrap();
    sync(&ana, &ben);
    assert_eq!(values(ana.log()), ["hello", "me too"]);
    for channel in [&ana, &ben] {
        assert_eq!(channel.genesis().unwrap().unwrap().name, "test");
        let mut expected = [(key(1), Role::Admin), (key(2), Role::Writer)];
        expected.sort_unstable();
        assert_eq!(members(channel), expected);
        assert!(channel.authorized(&key(ROOT)).unwrap(), "the root can always");
    }
}

#[test]
fn a_revocation_keeps_what_it_names_and_voids_the_rest() {
    let ana = found(1);
    let ben = join(2, &ana);
    let grant = ana.authorize(key(2), Role::Writer).unwrap();
    sync(&ana, &ben);
    ben.log().append("one").unwrap();
    sync(&ana, &ben);
    let revoked = ana.revoke(&grant, Keep::Here).unwrap();
    assert_eq!(revoked.kept.len(), 1);
    ben.log().append("two").unwrap();
    let after = ana.log().append("three").unwrap();
    sync(&ana, &ben);
    for channel in [&ana, &ben] {
        assert_eq!(values(channel.log()).len(), 2);
        assert_eq!(channel.log().heads().unwrap(), [after.id]);
        assert_eq!(members(channel), [(key(1), Role::Admin)]);
        assert!(channel.log().fsck().unwrap().is_clean());
    }
    assert!(matches!(ben.log().append("four"), Err(hyperlog::Error::Policy(_))));
    ana.revoke(&grant, Keep::Only(vec![])).unwrap();
    sync(&ana, &ben);
    for channel in [&ana, &ben] {
        assert_eq!(values(channel.log()), ["three"]);
    }
}

#[test]
fn a_revocation_that_falls_brings_back_what_it_took() {
    let ana = found(1);
    let ben = join(2, &ana);
    let cyd = join(3, &ana);
    let grant = ana.authorize(key(2), Role::Admin).unwrap();
    sync(&ana, &ben);
    let below = ben.authorize(key(3), Role::Writer).unwrap();
    sync(&ben, &cyd);
    cyd.log().append("mine").unwrap();
    sync(&ben, &cyd);
    sync(&ben, &ana);
    assert_eq!(values(ana.log()), ["mine"]);
    ben.revoke(&below, Keep::Only(vec![])).unwrap();
    sync(&ana, &ben);
    sync(&cyd, &ben);
    for channel in [&ana, &ben, &cyd] {
        assert_eq!(values(channel.log()).len(), 0);
    }
    ana.revoke(&grant, Keep::Only(vec![below])).unwrap();
    sync(&ana, &cyd);
    sync(&ana, &ben);
    for channel in [&ana, &ben, &cyd] {
        assert_eq!(values(channel.log()), ["mine"]);
        assert!(channel.authorized(&key(3)).unwrap() && !channel.authorized(&key(2)).unwrap());
    }
}

#[test]
fn an_admin_hands_over_and_resigns() {
    let ana = found(1);
    ana.log().append("old").unwrap();
    assert!(matches!(ana.rotate(key(1)), Err(Error::SameKey)), "that would end it");
    ana.rotate(key(9)).unwrap();
    assert!(matches!(ana.log().append("more"), Err(hyperlog::Error::Policy(_))));
    let new = join(9, &ana);
    new.log().append("new").unwrap();
    sync(&ana, &new);
    for channel in [&ana, &new] {
        assert_eq!(values(channel.log()), ["old", "new"]);
        assert_eq!(members(channel), [(key(9), Role::Admin)]);
    }
}
