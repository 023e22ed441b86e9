//! Random histories of replicas: what a map shows is always what its nodes say.

use std::collections::BTreeSet;

use hyperkv::{Change, HyperKv, Memory, NodeId, Version, Write};
use hyperlog::Binary;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::model::{Asked, Model, check};
use crate::support::{Map, ids, open_on, rows, sync_all};

const REPLICAS: usize = 3;
/// Few, so that they collide; one is the beginning of another.
const KEYS: [&str; 4] = ["a", "ab", "b", "c"];

#[derive(Clone, Debug)]
struct Row {
    key: usize,
    put: bool,
    /// None: what the map says. Else nodes of any kind, of this key and others.
    links: Option<Vec<Index>>,
}

#[derive(Clone, Debug)]
enum Step {
    Batch(Vec<Row>),
    /// A node that is no write; it links what there is.
    Other,
    Merge(usize),
    Sync(usize),
    Reopen,
    Reindex,
    Forget(Index),
}

fn row() -> impl Strategy<Value = Row> {
    let links = prop_oneof![
        3 => Just(None),
        2 => prop::collection::vec(any::<Index>(), 0..4).prop_map(Some),
    ];
    (0..KEYS.len(), prop::bool::weighted(0.75), links).prop_map(|(key, put, links)| Row { key, put, links })
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        8 => row().prop_map(|row| Step::Batch(vec![row])),
        3 => prop::collection::vec(row(), 0..6).prop_map(Step::Batch),
        1 => (17_usize..30, 0..KEYS.len()).prop_map(|(n, key)| {
            Step::Batch(vec![Row { key, put: true, links: Some(vec![]) }; n])
        }),
        1 => Just(Step::Other),
        1 => (0..KEYS.len()).prop_map(Step::Merge),
        4 => (0..REPLICAS).prop_map(Step::Sync),
        1 => Just(Step::Reopen),
        1 => Just(Step::Reindex),
        1 => any::<Index>().prop_map(Step::Forget),
    ];
    (0..REPLICAS, step)
}

fn asked() -> impl Strategy<Value = Asked> {
    let key = || prop::option::of(prop::sample::select(&KEYS[..]));
    let prefix = prop::sample::select(&["", "", "a", "ab", "z"][..]);
    let limit = prop_oneof![Just(u64::MAX), 0..4_u64];
    (prefix, key(), key(), limit, any::<bool>(), any::<bool>()).prop_map(
        |(prefix, gt, lte, limit, reverse, without_deleted)| Asked {
            prefix,
            gt,
            lte,
            limit,
            reverse,
            without_deleted,
        },
    )
}

struct World {
    levels: Vec<Memory>,
    writers: [u8; REPLICAS],
    maps: Vec<Map>,
    /// Versions that some replica had, and what it had then.
    versions: Vec<(Version, BTreeSet<NodeId>)>,
    /// Makes every value another one.
    count: usize,
}

impl World {
    fn new(writers: [u8; REPLICAS]) -> Self {
        let levels: Vec<_> = writers.iter().map(|_| Memory::new()).collect();
        let maps = levels.iter().zip(writers).map(|(level, n)| open_on(level, n)).collect();
        Self { levels, writers, maps, versions: vec![(Version::default(), BTreeSet::new())], count: 0 }
    }

    fn act(&mut self, at: usize, step: &Step) {
        let kv = &self.maps[at];
        let known = ids(kv);
        let pick = |index: &Index| (!known.is_empty()).then(|| *index.get(&known));
        match step {
            Step::Batch(rows) => {
                let writes = rows.iter().map(|row| {
                    self.count += 1;
                    let key = KEYS[row.key];
                    let write =
                        if row.put { Write::put(key, self.count.to_string()) } else { Write::del(key) };
                    match &row.links {
                        None => write,
                        Some(links) => write.links(links.iter().filter_map(pick)),
                    }
                });
                let ids = kv.batch(writes.collect::<Vec<_>>()).unwrap();
                assert_eq!(ids.len(), rows.len());
                check_links(kv, rows, &ids);
            }
            Step::Other => drop(kv.log().append("no write").unwrap()),
            Step::Merge(key) => {
                let merged = kv.merge(KEYS[*key], |values| values.values().next().cloned()).unwrap();
                let is_one = kv.get(KEYS[*key]).unwrap().len() == 1;
                assert!(merged.is_none() || is_one);
            }
            Step::Sync(other) => {
                replicate::sync(kv, &self.maps[*other]).unwrap();
            }
            Step::Reopen => self.maps[at] = open_on(&self.levels[at], self.writers[at]),
            Step::Reindex => kv.reindex(|_| {}).unwrap(),
            // Rare: what is forgotten here comes back from nowhere.
            Step::Forget(index) => {
                if let Some(id) = pick(index).filter(|_| known.len() > 20) {
                    kv.log().del(&id).unwrap();
                }
            }
        }
        self.versions.push((self.maps[at].version(), ids(&self.maps[at]).into_iter().collect()));
    }

    fn check(&self, at: usize, asked: &Asked, when: &Index) {
        let kv = self.maps[at].with_encoding::<Binary>();
        let model = Model::of(&kv);
        model.check(&kv, &KEYS).unwrap();
        model.check_list(&kv, asked).unwrap();
        let change = Change(when.index(usize::try_from(kv.log().last().0).unwrap() + 2) as u64);
        let past = kv.at(change).unwrap();
        model.with(|wrote| wrote.change <= change).check_past(&past, asked, &KEYS).unwrap();
        let (version, had) = when.get(&self.versions);
        match kv.at(version) {
            Ok(past) => {
                model.with(|wrote| had.contains(&wrote.id)).check_past(&past, asked, &KEYS).unwrap();
                self.check_diff(&kv, &model, change, version, had);
            }
            Err(hyperkv::Error::UnknownVersion { id }) => {
                assert!(version.tips().contains(&id) && !kv.log().contains(&id).unwrap());
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    fn check_diff(
        &self,
        kv: &HyperKv<Binary>,
        model: &Model,
        change: Change,
        version: &Version,
        had: &BTreeSet<NodeId>,
    ) {
        let (from, to) =
            (model.with(|wrote| wrote.change <= change), model.with(|wrote| had.contains(&wrote.id)));
        let differ = |key: &&str| from.current(key.as_bytes()).keys().ne(to.current(key.as_bytes()).keys());
        let expected: Vec<_> = KEYS.iter().copied().filter(differ).collect();
        let found = kv.diff(change, version, hyperkv::Select::all()).unwrap().map(|difference| {
            let difference = difference.unwrap();
            assert!(difference.from.ids().eq(from.current(&difference.key).into_keys()));
            assert!(difference.to.ids().eq(to.current(&difference.key).into_keys()));
            difference.key
        });
        assert_eq!(found.collect::<Vec<_>>(), expected);
        let back = kv.diff(version, change, hyperkv::Select::all().reverse(true)).unwrap();
        assert!(back.map(|difference| difference.unwrap().key).eq(expected.iter().rev().copied()));
    }
}

/// Links that were asked for are those of the node; a write without stands alone afterwards, or with later ones.
fn check_links(kv: &Map, rows: &[Row], ids: &[NodeId]) {
    for (place, (row, id)) in rows.iter().zip(ids).enumerate() {
        let node = kv.log().get(id).unwrap();
        if let Some(links) = &row.links {
            assert!(node.links.len() <= links.len(), "links that nobody asked for");
            continue;
        }
        let before = rows[..place].iter().zip(ids).filter(|(earlier, _)| earlier.key == row.key);
        for value in kv.get(KEYS[row.key]).unwrap().ids() {
            assert!(
                before.clone().all(|(_, id)| *id != value),
                "an earlier write of the batch stands beside"
            );
            assert!(ids[place..].contains(&value), "what was there stands beside a write without links");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    // HD-35
    #[test]
    fn a_map_shows_what_its_nodes_say(
        steps in prop::collection::vec((step(), asked(), any::<Index>()), 1..40),
        // Two replicas with one identity: a writer that forks.
        forks in prop::bool::weighted(0.3),
    ) {
        let mut world = World::new([1, 2, if forks { 2 } else { 3 }]);
        for ((at, step), asked, when) in &steps {
            world.act(*at, step);
            world.check(*at, asked, when);
        }
        sync_all(&world.maps);
        world.maps.iter().for_each(check);
        // Values that some replica has forgotten are no writes there.
        if steps.iter().any(|((_, step), ..)| matches!(step, Step::Forget(_))) {
            return Ok(());
        }
        for kv in &world.maps {
            prop_assert_eq!(rows(kv), rows(&world.maps[0]));
            for (version, had) in &world.versions {
                let past = kv.with_encoding::<Binary>().at(version).unwrap();
                let then = Model::of(kv).with(|wrote| had.contains(&wrote.id));
                then.check_past(&past, &Asked::default(), &KEYS).unwrap();
            }
        }
    }
}
