//! What may not be stored, whoever sends it. Each rule is broken by a writer that obeys none.

use hyperlog::{GroupError, ImportCause, Kind, NodeId, NodeRefused, Refusal, refused};
use hyperlog_writers::{Channel, Keep, Refused, Role};

use crate::rogue::Rogue;
use crate::support::{export, found, key, open};

/// What a channel says to all that a rogue has; none when it takes it.
fn verdict(channel: &Channel<hyperlog::Utf8>, rogue: &Rogue) -> Option<Refused> {
    let last = channel.log().last();
    let error = channel.log().import(&rogue.export()[..]).err()?;
    assert_eq!(channel.log().last(), last, "nothing of the group is stored");
    assert!(channel.log().fsck().unwrap().is_clean());
    let ImportCause::Group(group) = error.cause else { panic!("{error:?}") };
    Some(reason(&group))
}

fn reason(error: &GroupError) -> Refused {
    match refused(error) {
        Some(NodeRefused::Policy(Refusal(reason))) => reason.downcast_ref::<Refused>().unwrap().clone(),
        other => panic!("{other:?}"),
    }
}

fn grant_of(n: u8, role: u8) -> Vec<u8> {
    [&key(n).as_bytes()[..], &[role]].concat()
}

fn revoke_of(grant: NodeId, keep: &[NodeId]) -> Vec<u8> {
    let mut value = grant.as_bytes().to_vec();
    keep.iter().for_each(|id| value.extend_from_slice(id.as_bytes()));
    value
}

/// A channel of writer 1, in which 2 is an admin, and 3 a writer by grace of 2.
struct Scene {
    ana: Channel<hyperlog::Utf8>,
    genesis: NodeId,
    founder: NodeId,
    admin: NodeId,
    writer: NodeId,
}

fn scene() -> Scene {
    let ana = found(1);
    let admin = ana.authorize(key(2), Role::Admin).unwrap();
    let ben = crate::support::join(2, &ana);
    let writer = ben.authorize(key(3), Role::Writer).unwrap();
    crate::support::sync(&ana, &ben);
    let founder = ana.grants().unwrap().into_iter().find(|grant| grant.depth == 1).unwrap();
    Scene { genesis: founder.cap, founder: founder.id, ana, admin, writer }
}

#[test]
fn a_stranger_stores_nothing_under_any_grant() {
    let Scene { ana, genesis, admin, writer, .. } = scene();
    for cap in [genesis, admin, writer] {
        let stranger = Rogue::new(9, &ana);
        stranger.write(cap, &[], "let me in");
        assert_eq!(verdict(&ana, &stranger), Some(Refused::NotTheHolder { writer: key(9), cap }));
    }
}

#[test]
fn a_node_acts_under_a_grant_of_its_writer() {
    let Scene { ana, founder, writer, .. } = scene();
    let rogue = Rogue::new(3, &ana);
    let data = rogue.write(writer, &[], "fine");
    assert_eq!(verdict(&ana, &rogue), None);
    rogue.write(data, &[], "under data");
    assert_eq!(verdict(&ana, &rogue), Some(Refused::NotAGrant { cap: data }));
    let rogue = Rogue::new(3, &ana);
    rogue.act(Kind::Data, None, &[], b"under nothing".to_vec());
    assert_eq!(verdict(&ana, &rogue), Some(Refused::NoCap));
    let rogue = Rogue::new(3, &ana);
    rogue.write(founder, &[], "under another's");
    assert_eq!(verdict(&ana, &rogue), Some(Refused::NotTheHolder { writer: key(3), cap: founder }));
}

#[test]
fn a_writer_grants_nothing_and_an_admin_nothing_above_itself() {
    let Scene { ana, admin, writer, .. } = scene();
    let rogue = Rogue::new(3, &ana);
    rogue.act(Kind::Grant, Some(writer), &[], grant_of(9, 1));
    assert_eq!(verdict(&ana, &rogue), Some(Refused::NotAdmin { cap: writer }));
    for (value, why) in [
        (grant_of(9, 0), "no role"),
        (grant_of(9, 3), "a role to come"),
        (grant_of(9, 1)[..32].to_vec(), "too short"),
        ([&grant_of(9, 1)[..], &[0]].concat(), "too long"),
        (vec![], "empty"),
    ] {
        let rogue = Rogue::new(2, &ana);
        rogue.act(Kind::Grant, Some(admin), &[], value);
        assert!(matches!(verdict(&ana, &rogue), Some(Refused::Malformed(_))), "{why}");
    }
    // A key for which anybody can sign, and one that is no point.
    for key in [
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        [0xff; 32],
    ] {
        let rogue = Rogue::new(2, &ana);
        rogue.act(Kind::Grant, Some(admin), &[], [&key[..], &[1]].concat());
        assert!(matches!(verdict(&ana, &rogue), Some(Refused::Key(_))));
    }
}

#[test]
fn grants_are_passed_on_32_times_and_no_more() {
    let mut channel = found(1);
    for n in 2..=32 {
        channel.authorize(key(n), Role::Admin).unwrap();
        channel = crate::support::join(n, &channel);
    }
    assert_eq!(channel.members().unwrap().iter().map(|member| member.grants[0].depth).max(), Some(32));
    assert!(matches!(channel.authorize(key(33), Role::Writer), Err(hyperlog_writers::Error::TooDeep)));
    let last = channel.grants().unwrap().into_iter().find(|grant| grant.depth == 32).unwrap();
    let rogue = Rogue::new(32, &channel);
    rogue.act(Kind::Grant, Some(last.id), &[], grant_of(33, 1));
    assert_eq!(verdict(&channel, &rogue), Some(Refused::TooDeep));
}

#[test]
fn a_revocation_comes_from_above_or_from_the_holder() {
    let Scene { ana, genesis, founder, admin, writer } = scene();
    let refused = |n: u8, cap: NodeId, target: NodeId| {
        let rogue = Rogue::new(n, &ana);
        rogue.act(Kind::Revoke, Some(cap), &[target], revoke_of(target, &[]));
        verdict(&ana, &rogue)
    };
    assert_eq!(refused(2, admin, founder), Some(Refused::NotAbove { cap: admin, target: founder }));
    assert_eq!(refused(3, writer, admin), Some(Refused::NotAbove { cap: writer, target: admin }));
    assert_eq!(refused(200, genesis, genesis), Some(Refused::NoTarget { id: genesis }));
    let data = ana.log().append("data").unwrap().id;
    assert_eq!(refused(1, founder, data), Some(Refused::NoTarget { id: data }));
    for (n, cap, target) in
        [(1, founder, writer), (2, admin, writer), (3, writer, writer), (200, genesis, writer)]
    {
        assert_eq!(refused(n, cap, target), None, "{n}");
    }
}

#[test]
fn a_revocation_links_what_it_names_and_keeps_what_acts_under_its_target() {
    let Scene { ana, founder, admin, writer, .. } = scene();
    let own = ana.log().append("ana's").unwrap().id;
    let refused = |links: &[NodeId], value: Vec<u8>| {
        let rogue = Rogue::new(1, &ana);
        rogue.act(Kind::Revoke, Some(founder), links, value);
        verdict(&ana, &rogue)
    };
    assert_eq!(refused(&[], revoke_of(admin, &[])), Some(Refused::NotLinked { id: admin }));
    assert_eq!(refused(&[admin], revoke_of(admin, &[writer])), Some(Refused::NotLinked { id: writer }));
    assert_eq!(refused(&[admin, writer], revoke_of(admin, &[writer])), None);
    assert_eq!(
        refused(&[admin, own], revoke_of(admin, &[own])),
        Some(Refused::KeepsOther { id: own, target: admin })
    );
    let twice = revoke_of(admin, &[writer, writer]);
    assert!(matches!(refused(&[admin, writer], twice), Some(Refused::Malformed(_))));
    let many: Vec<NodeId> = (0..17).map(|n| NodeId::from_bytes([n; 32])).collect();
    assert!(matches!(refused(&[admin], revoke_of(admin, &many)), Some(Refused::Malformed(_))));
    assert!(matches!(refused(&[admin], vec![1; 31]), Some(Refused::Malformed(_))));
}

#[test]
fn there_is_one_genesis() {
    let ana = found(1);
    let genesis = ana.genesis().unwrap().unwrap();
    let value = [&genesis.root.as_bytes()[..], &genesis.nonce, genesis.name.as_bytes()].concat();
    // Again, later in the root's log.
    let root = Rogue::new(200, &ana);
    root.act(Kind::Genesis, None, &[], value.clone());
    assert_eq!(verdict(&ana, &root), Some(Refused::NotFirst));
    // By somebody else, in an empty copy; and with another name.
    let empty = open(9, ana.key());
    let thief = Rogue::new(9, &empty);
    thief.act(Kind::Genesis, None, &[], value);
    assert_eq!(verdict(&empty, &thief), Some(Refused::NotFirst));
    let root = Rogue::new(200, &empty);
    root.act(Kind::Genesis, None, &[], [&genesis.root.as_bytes()[..], &genesis.nonce, b"other"].concat());
    assert_eq!(verdict(&empty, &root), Some(Refused::OtherChannel));
    empty.log().import(&export(&ana)[..]).unwrap();
    assert_eq!(empty.genesis().unwrap(), Some(genesis));
}

#[test]
fn grants_and_revocations_cannot_lose_their_values() {
    let Scene { ana, genesis, admin, writer, .. } = scene();
    let revoked = ana.revoke(&writer, Keep::Here).unwrap().id;
    for id in [genesis, admin, writer, revoked] {
        assert!(matches!(ana.log().del(&id), Err(hyperlog::Error::NotData { .. })));
    }
    let data = ana.log().append("data").unwrap().id;
    ana.log().del(&data).unwrap();
    // A log that obeys no rules drops them all the same. What it sends is refused, and nothing is lost.
    let root = Rogue::new(200, &ana);
    root.go_hollow();
    root.act(Kind::Grant, Some(genesis), &[], grant_of(9, 1));
    assert_eq!(verdict(&ana, &root), Some(Refused::NoValue));
}

#[test]
fn both_sides_of_a_sync_learn_what_was_refused_and_why() {
    let Scene { ana, writer, .. } = scene();
    let stranger = Rogue::new(9, &ana);
    stranger.write(writer, &[], "let me in");
    let why = Refused::NotTheHolder { writer: key(9), cap: writer };
    let error = replicate::sync(ana.log(), &stranger.log).unwrap_err();
    assert_eq!(Refused::behind(&error), Some(&why), "{error:?}");
    let error = replicate::sync(&stranger.log, ana.log()).unwrap_err();
    let told = format!("{error:?}");
    assert!(told.contains(&why.to_string()), "{told}");
}
