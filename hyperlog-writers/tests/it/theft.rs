//! Stolen keys, and admins who mean harm: what a revocation keeps stays, and honest work is not caught with theirs.

use hyperlog::{Kind, Memory, NodeId};
use hyperlog_writers::{Keep, NotAuthorized, Role};
use level::testing::{Failing, Operation};

use crate::rogue::Rogue;
use crate::support::{ROOT, found, join, key, open_on, sync, values};

/// A thief resigns with the holder's key.
fn resign(thief: &Rogue, grant: NodeId, keep: &[NodeId]) -> NodeId {
    let mut value = grant.as_bytes().to_vec();
    keep.iter().for_each(|id| value.extend_from_slice(id.as_bytes()));
    thief.act(Kind::Revoke, Some(grant), &[keep, &[grant]].concat(), value)
}

#[test]
fn a_thief_cannot_undo_what_a_revocation_kept() {
    let ana = found(1);
    let grant = ana.authorize(key(2), Role::Writer).unwrap();
    let ben = join(2, &ana);
    let first = ben.log().append("years of work").unwrap();
    let good = ben.log().append("and more").unwrap();
    sync(&ana, &ben);
    let thief = Rogue::new(2, &ana);
    ana.revoke(&grant, Keep::Only(vec![good.id])).unwrap();
    let epoch = ana.log().epoch();
    for keep in [vec![], vec![first.id]] {
        resign(&thief, grant, &keep);
        ana.log().import(&thief.export()[..]).unwrap();
        assert_eq!(values(ana.log()), ["years of work", "and more"]);
    }
    assert_eq!(ana.log().epoch(), epoch, "it costs nobody anything");
}

#[test]
fn a_thief_who_resigns_first_takes_nothing_from_the_log_it_continues() {
    let ana = found(1);
    let grant = ana.authorize(key(2), Role::Writer).unwrap();
    let ben = join(2, &ana);
    ben.log().append("years of work").unwrap();
    sync(&ana, &ben);
    let thief = Rogue::new(2, &ana);
    resign(&thief, grant, &[]);
    ana.log().import(&thief.export()[..]).unwrap();
    assert_eq!(values(ana.log()), ["years of work"], "who resigns keeps all before it");
    assert!(!ana.authorized(&key(2)).unwrap());
}

#[test]
fn what_a_thief_takes_by_forking_comes_back_by_a_revocation_that_keeps_it() {
    let ana = found(1);
    let grant = ana.authorize(key(2), Role::Writer).unwrap();
    let before = join(9, &ana);
    let ben = join(2, &ana);
    let good = ben.log().append("years of work").unwrap();
    sync(&ana, &ben);
    // A copy of long ago: the resignation stands beside the work, not behind it.
    let thief = Rogue::new(2, &before);
    resign(&thief, grant, &[]);
    ana.log().import(&thief.export()[..]).unwrap();
    assert!(values(ana.log()).is_empty());
    ana.revoke(&grant, Keep::Only(vec![good.id])).unwrap();
    assert_eq!(values(ana.log()), ["years of work"]);
}

#[test]
fn who_stole_the_founders_key_cannot_end_what_the_root_kept() {
    let ana = found(1);
    let founders = ana.grants().unwrap()[0].id;
    ana.authorize(key(2), Role::Writer).unwrap();
    let ben = join(2, &ana);
    ben.log().append("ben's").unwrap();
    ana.log().append("ana's").unwrap();
    sync(&ana, &ben);
    let thief = Rogue::new(1, &ana);
    let root = join(ROOT, &ana);
    root.authorize(key(7), Role::Admin).unwrap();
    root.revoke_key(&key(1), Keep::Here).unwrap();
    sync(&root, &ben);
    resign(&thief, founders, &[]);
    ben.log().import(&thief.export()[..]).unwrap();
    assert_eq!(values(ben.log()).len(), 2);
    assert!(ben.authorized(&key(2)).unwrap() && ben.authorized(&key(7)).unwrap());
}

#[test]
fn a_flood_of_resignations_changes_nothing_and_costs_what_any_nodes_cost() {
    let cost = |nodes: usize| {
        let ana = found(1);
        let grant = ana.authorize(key(2), Role::Writer).unwrap();
        let ben = join(2, &ana);
        let ids: Vec<NodeId> = (0..nodes).map(|n| ben.log().append(n.to_string()).unwrap().id).collect();
        sync(&ana, &ben);
        ana.revoke(&grant, Keep::Here).unwrap();
        let level = Failing::new(Memory::new());
        let copy = open_on(level.clone(), 9, ana.key());
        sync(&ana, &copy);
        let thief = Rogue::new(2, &ana);
        let import = || {
            let reads = level.count(Operation::Read);
            copy.log().import(&thief.export()[..]).unwrap();
            level.count(Operation::Read) - reads
        };
        // All of it is known, and looked up.
        let (epoch, known) = (copy.log().epoch(), import());
        for id in ids.iter().rev().take(40) {
            resign(&thief, grant, &[*id]);
        }
        let reads = import();
        assert_eq!((copy.log().epoch(), values(copy.log()).len()), (epoch, nodes));
        reads.saturating_sub(known)
    };
    let (few, many) = (cost(50), cost(800));
    assert!(many <= few + 200, "{few} rows beside 50 nodes, {many} beside 800");
}

#[test]
fn a_grant_that_nobody_asked_for_does_not_come_to_stand_above_what_one_writes() {
    let ana = found(1);
    ana.authorize(key(2), Role::Admin).unwrap();
    let to_mal = ana.authorize(key(3), Role::Admin).unwrap();
    let (ben, mal) = (join(2, &ana), join(3, &ana));
    let own = ben.authorize(key(5), Role::Admin).unwrap();
    sync(&ana, &ben);
    let dan = join(5, &ana);
    dan.log().append("before").unwrap();
    // As near to the root, and sooner: it may stand first on some replica.
    let unasked = mal.authorize(key(5), Role::Admin).unwrap();
    sync(&mal, &dan);
    let work = dan.log().append("honest work").unwrap();
    let friend = dan.authorize(key(6), Role::Writer).unwrap();
    assert_eq!((work.cap, dan.log().raw(&friend).unwrap().cap), (Some(own), Some(own)));
    sync(&ana, &dan);
    ana.revoke(&to_mal, Keep::Only(vec![])).unwrap();
    assert_eq!(values(ana.log()), ["before", "honest work"]);
    assert!(ana.authorized(&key(6)).unwrap());
    assert!(
        ana.grants()
            .unwrap()
            .iter()
            .any(|grant| grant.id == unasked && !grant.state.eq(&hyperlog_writers::State::Open))
    );
}

#[test]
fn void_grants_to_ones_key_cost_nothing_when_one_writes() {
    let ana = found(1);
    let to_mal = ana.authorize(key(2), Role::Admin).unwrap();
    ana.authorize(key(3), Role::Writer).unwrap();
    let level = Failing::new(Memory::new());
    let ben = open_on(level.clone(), 3, ana.key());
    let mal = Rogue::new(2, &ana);
    ana.revoke(&to_mal, Keep::Here).unwrap();
    sync(&ana, &ben);
    let cost = || {
        let reads = level.count(Operation::Read);
        ben.log().append("x").unwrap();
        assert!(ben.authorized(&key(3)).unwrap());
        level.count(Operation::Read) - reads
    };
    let before = cost();
    let value = [&key(3).as_bytes()[..], &[Role::Writer as u8]].concat();
    for _ in 0..500 {
        mal.act(Kind::Grant, Some(to_mal), &[], value.clone());
    }
    ben.log().import(&mal.export()[..]).unwrap();
    assert!(cost() <= before + 3, "{before} rows before, {} after", cost());
    // And such a grant is none that was ever held.
    let reader = join(9, &ana);
    mal.act(Kind::Grant, Some(to_mal), &[], [&key(9).as_bytes()[..], &[1]].concat());
    reader.log().import(&mal.export()[..]).unwrap();
    let refused = reader.log().append("x").unwrap_err();
    assert_eq!(NotAuthorized::behind(&refused), Some(&NotAuthorized::Never { writer: key(9) }));
}

#[test]
fn what_is_appended_while_one_resigns_counts_or_is_refused() {
    for round in 0..20 {
        let ana = found(1);
        ana.authorize(key(2), Role::Writer).unwrap();
        let ben = join(2, &ana);
        (0..10).for_each(|n| drop(ben.log().append(n.to_string()).unwrap()));
        let appended = std::thread::scope(|scope| {
            let appending = scope.spawn(|| {
                let mut appended = Vec::new();
                while let Ok(node) = ben.log().append("w") {
                    appended.push(node.id);
                }
                appended
            });
            while ben.log().last().0 < 14 + round {
                std::thread::yield_now();
            }
            ben.resign().unwrap();
            appending.join().unwrap()
        });
        assert!(!appended.is_empty());
        assert!(appended.iter().all(|id| !ben.log().is_void(id).unwrap()), "round {round}");
    }
}
