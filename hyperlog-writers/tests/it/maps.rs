//! Maps with members. Numbers such as HD-47 name the behaviour of the original that a test keeps, or amends.

use hyperkv::{HyperKv, Select, Utf8};
use hyperlog::Memory;
use hyperlog_writers::{Channel, ChannelKey, Error, Keep, NotAuthorized, Role};

use crate::support::{ROOT, identity, key};

struct Peer {
    channel: Channel,
    map: HyperKv<Utf8>,
}

impl Peer {
    fn new(channel: Channel) -> Self {
        let map = HyperKv::over(channel.log(), Memory::new()).unwrap();
        Self { channel, map }
    }

    /// Writer 1 founds a channel.
    fn found() -> Self {
        Self::new(Channel::found("test", &identity(ROOT), identity(1), Memory::new()).unwrap())
    }

    fn open(n: u8, channel: ChannelKey) -> Self {
        Self::new(Channel::open(Memory::new(), identity(n), channel).unwrap())
    }

    /// Writers 1 to `n`, all authorized, all equal.
    fn circle(n: u8) -> Vec<Self> {
        let mut peers = vec![Self::found()];
        for n in 2..=n {
            peers[0].channel.authorize(key(n), Role::Writer).unwrap();
            peers.push(Self::open(n, peers[0].channel.key()));
        }
        gossip(&peers);
        peers
    }

    fn put(&self, key: &str, value: &str) {
        self.map.put(key, value).unwrap();
    }

    fn get(&self, key: &str) -> Vec<String> {
        let mut values: Vec<String> = self.map.get(key).unwrap().values().cloned().collect();
        values.sort();
        values
    }

    fn list(&self) -> String {
        let mut text = String::new();
        for entry in self.map.list(Select::all()).unwrap() {
            let entry = entry.unwrap();
            text += &format!(
                "{}={} ",
                String::from_utf8_lossy(&entry.key),
                self.get(std::str::from_utf8(&entry.key).unwrap()).join("|")
            );
        }
        text
    }
}

fn sync(a: &Peer, b: &Peer) {
    assert!(replicate::sync(&a.map, &b.map).unwrap().equal);
}

/// Everybody has what everybody has.
fn gossip(peers: &[Peer]) {
    for _ in 0..2 {
        peers.windows(2).for_each(|pair| sync(&pair[0], &pair[1]));
        sync(&peers[0], &peers[peers.len() - 1]);
    }
}

/// All see the same, and what they would see if they read it all anew.
fn agreed(peers: &[Peer]) -> String {
    let (list, members) = (peers[0].list(), peers[0].channel.members().unwrap());
    for peer in peers {
        assert_eq!((peer.list(), peer.channel.members().unwrap()), (list.clone(), members.clone()));
        peer.map.reindex(|_| {}).unwrap();
        assert_eq!(peer.list(), list);
        assert!(peer.channel.log().fsck().unwrap().is_clean());
    }
    list
}

#[test]
fn two_members_who_write_a_key_at_once_are_both_heard_until_one_has_seen_both() {
    // HD-13, HD-19
    let peers = Peer::circle(2);
    let [ana, ben] = &peers[..] else { panic!("two") };
    ana.put("a", "a");
    gossip(&peers);
    ana.put("b", "b");
    ben.put("b", "B");
    gossip(&peers);
    ben.put("a", "A");
    gossip(&peers);
    assert_eq!(agreed(&peers), "a=A b=B|b ");
    ana.put("b", "both");
    gossip(&peers);
    assert_eq!(agreed(&peers), "a=A b=both ");
}

#[test]
fn forks_of_two_and_three_members_end_in_what_was_written_last() {
    // HD-14, HD-15, HD-16, HD-17
    let peers = Peer::circle(3);
    let [ana, ben, cyd] = &peers[..] else { panic!("three") };
    ana.put("a", "a");
    gossip(&peers);
    ben.put("a", "ab");
    cyd.put("some", "thing");
    ana.put("c", "c");
    gossip(&peers);
    assert_eq!(agreed(&peers), "a=ab c=c some=thing ");
    for n in 0..50 {
        cyd.put(&format!("other {n}"), "x");
    }
    ana.put("a", "aa");
    gossip(&peers);
    ana.put("1", "1a");
    ben.put("1", "1b");
    ana.put("2", "2");
    for peer in &peers {
        assert_eq!(peer.get("a"), ["aa"]);
    }
    assert_eq!(ben.get("2"), [""; 0], "not before a sync");
    gossip(&peers);
    assert_eq!(cyd.get("1"), ["1a", "1b"]);
    agreed(&peers);
}

#[test]
fn many_values_of_two_members_are_all_there() {
    // HD-18
    let peers = Peer::circle(2);
    for n in 0..200 {
        peers[n % 2].put(&format!("{n:03}"), "x");
    }
    gossip(&peers);
    assert_eq!(agreed(&peers).matches("=x ").count(), 200);
}

#[test]
fn the_founder_is_authorized_and_all_agree_on_who_else_is() {
    // HD-47, HD-52
    let ana = Peer::found();
    assert!(ana.channel.authorized(&key(1)).unwrap() && !ana.channel.authorized(&key(2)).unwrap());
    let ben = Peer::open(2, ana.channel.key());
    assert_eq!((ben.channel.key(), ben.channel.log().writer()), (ana.channel.key(), key(2)));
    let refused = ben.map.put("mine", "x").unwrap_err();
    assert_eq!(reason(&refused), Some(NotAuthorized::Empty), "{refused}");
    sync(&ana, &ben);
    let refused = ben.map.put("mine", "x").unwrap_err();
    assert_eq!(reason(&refused), Some(NotAuthorized::Never { writer: key(2) }));
    ana.channel.authorize(key(2), Role::Writer).unwrap();
    assert!(!ben.channel.authorized(&key(2)).unwrap(), "not before a sync");
    sync(&ana, &ben);
    for peer in [&ana, &ben] {
        assert!(peer.channel.authorized(&key(1)).unwrap() && peer.channel.authorized(&key(2)).unwrap());
    }
    ben.put("mine", "x");
    sync(&ana, &ben);
    assert_eq!(agreed(&[ana, ben]), "mine=x ");
}

fn reason(error: &hyperkv::Error) -> Option<NotAuthorized> {
    NotAuthorized::behind(error).cloned()
}

#[test]
fn of_two_new_peers_only_the_authorized_one_writes() {
    // HD-48, HD-49 amended: what was not authorized could not be written, so nothing of it shows up afterwards.
    let ana = Peer::found();
    let (ben, cyd) = (Peer::open(2, ana.channel.key()), Peer::open(3, ana.channel.key()));
    sync(&ana, &ben);
    sync(&ana, &cyd);
    ana.channel.authorize(key(2), Role::Writer).unwrap();
    let peers = [ana, ben, cyd];
    gossip(&peers);
    peers[1].put("b", "b");
    assert!(peers[2].map.put("c", "c").is_err());
    gossip(&peers);
    assert_eq!(agreed(&peers), "b=b ");
    peers[0].channel.authorize(key(3), Role::Writer).unwrap();
    gossip(&peers);
    assert_eq!(agreed(&peers), "b=b ");
    peers[2].put("c", "c");
    gossip(&peers);
    assert_eq!(agreed(&peers), "b=b c=c ");
}

#[test]
fn only_admins_authorize_and_only_those_above_revoke() {
    // HD-50, HD-51 amended: a writer authorizes nobody, an admin does, and there is a way back.
    let peers = Peer::circle(3);
    let [ana, ben, cyd] = &peers[..] else { panic!("three") };
    assert!(matches!(ben.channel.authorize(key(4), Role::Writer), Err(Error::NotAdmin { .. })));
    assert!(matches!(ben.channel.revoke_key(&key(3), Keep::Here), Err(Error::NotAdmin { .. })));
    ana.channel.authorize(key(2), Role::Admin).unwrap();
    gossip(&peers);
    let dan = ben.channel.authorize(key(4), Role::Writer).unwrap();
    assert!(matches!(ben.channel.revoke_key(&key(3), Keep::Here), Err(Error::NotAbove { .. })));
    gossip(&peers);
    assert!(cyd.channel.authorized(&key(4)).unwrap());
    assert!(matches!(cyd.channel.revoke(&dan, Keep::Here), Err(Error::NotAdmin { .. })));
    ana.channel.revoke(&dan, Keep::Here).unwrap();
    gossip(&peers);
    assert!(!cyd.channel.authorized(&key(4)).unwrap());
    agreed(&peers);
}

#[test]
fn a_copy_without_a_grant_serves_another() {
    // HD-53
    let ana = Peer::found();
    ana.put("a", "a");
    let (ben, cyd) = (Peer::open(2, ana.channel.key()), Peer::open(3, ana.channel.key()));
    sync(&ana, &ben);
    sync(&ben, &cyd);
    assert_eq!(agreed(&[ana, ben, cyd]), "a=a ");
}

#[test]
fn peers_of_another_channel_do_not_sync() {
    let (ana, ben) = (Peer::found(), Peer::found());
    assert!(replicate::sync(&ana.map, &ben.map).is_err(), "of the same name, by the same founder");
    let log = hyperlog::Hyperlog::<Utf8>::open(Memory::new(), identity(2)).unwrap();
    assert!(replicate::sync(ana.channel.log(), &log).is_err());
}

#[test]
fn a_revocation_reaches_every_view_and_so_does_its_fall() {
    let peers = Peer::circle(3);
    let [ana, ben, cyd] = &peers[..] else { panic!("three") };
    let admin = ana.channel.authorize(key(2), Role::Admin).unwrap();
    gossip(&peers);
    let dan = ben.channel.authorize(key(4), Role::Writer).unwrap();
    let dan_peer = Peer::open(4, ana.channel.key());
    sync(ben, &dan_peer);
    dan_peer.put("topic", "dan's");
    sync(ben, &dan_peer);
    gossip(&peers);
    cyd.put("topic", "cyd's, after dan's");
    gossip(&peers);
    assert_eq!(agreed(&peers), "topic=cyd's, after dan's ");
    ben.channel.revoke(&dan, Keep::Only(vec![])).unwrap();
    dan_peer.put("late", "x");
    let peers: Vec<Peer> = peers.into_iter().chain([dan_peer]).collect();
    gossip(&peers);
    assert_eq!(agreed(&peers), "topic=cyd's, after dan's ", "who linked to it counts");
    assert!(peers[3].map.put("more", "x").is_err());
    peers[0].channel.revoke(&admin, Keep::Only(vec![dan])).unwrap();
    gossip(&peers);
    assert_eq!(agreed(&peers), "late=x topic=cyd's, after dan's ");
    peers[3].put("more", "x");
    gossip(&peers);
    assert_eq!(agreed(&peers), "late=x more=x topic=cyd's, after dan's ");
}
