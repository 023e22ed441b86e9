//! What the tests of the original made of a log.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyperlog::{Hyperlog, Json, Memory, Node, NodeId};
use hyperlog_index::testing::Orders;
use hyperlog_index::{Index, MapError, Rows, ValueOf, View};
use level::{KeyRange, Order};

use crate::support::{export, import, number, open_on};

/// The register by hand: each key has the values that no later write of it has seen.
struct Kv;

impl View for Kv {
    type Encoding = Json<(String, i64)>;

    fn name(&self) -> &str {
        "kv"
    }
    fn version(&self) -> u32 {
        1
    }
    fn map(&self, node: &Node<ValueOf<Self>>, rows: &mut Rows<'_>) -> Result<(), MapError> {
        let Some((key, value)) = node.value() else { return Ok(()) };
        for link in &node.links {
            rows.del(&[key.as_bytes(), link.as_bytes()].concat());
        }
        Ok(rows.put(&[key.as_bytes(), node.id.as_bytes()].concat(), value.to_be_bytes().to_vec())?)
    }
}

fn values(index: &Index<Kv>, key: &str) -> Vec<i64> {
    let rows = index.range(KeyRange::prefix(key.as_bytes()), Order::Ascending).unwrap();
    let mut values: Vec<i64> = rows.map(|row| number(Some(row.unwrap().1))).collect();
    values.sort_unstable();
    values
}

type Log = Hyperlog<Json<(String, i64)>>;

fn put(log: &Log, links: &[&NodeId], value: i64) -> NodeId {
    log.add(&links.iter().map(|id| **id).collect::<Vec<_>>(), ("a".to_owned(), value)).unwrap().id
}

#[test]
fn a_register_has_the_values_of_all_branches_until_somebody_joins_them() {
    // HI-5
    for same_level in [true, false] {
        let level = Memory::new();
        let log: Log = open_on(&level, 1).with_encoding();
        let kv = Index::open(&log, if same_level { level } else { Memory::new() }, Kv).unwrap();
        let three = put(&log, &[], 3);
        let four = put(&log, &[&three], 4);
        let eight = put(&log, &[&four], 8);
        let fifteen = put(&log, &[&three], 15);
        assert_eq!(values(&kv, "a"), [8, 15]);
        put(&log, &[&eight, &fifteen], 100);
        assert_eq!(values(&kv, "a"), [100]);
        Orders::of(&log).unwrap().check(&Kv, 20, 1, |rows| rows).unwrap().unwrap();
    }
}

/// For each node, the sum of what it and all before it say, each once.
struct Adder;

impl View for Adder {
    type Encoding = Json<i64>;

    fn name(&self) -> &str {
        "adder"
    }
    fn version(&self) -> u32 {
        1
    }
    fn map(&self, node: &Node<ValueOf<Self>>, rows: &mut Rows<'_>) -> Result<(), MapError> {
        let mut before: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for link in &node.links {
            let row = rows.get(link.as_bytes())?.ok_or("what it links to comes first")?;
            before.append(&mut sums(&row));
        }
        before.insert(node.id.as_bytes().to_vec(), node.value().copied().unwrap_or(0));
        let row = before.iter().flat_map(|(id, n)| [id.as_slice(), &n.to_be_bytes()].concat());
        rows.put(node.id.as_bytes(), row.collect::<Vec<u8>>())?;
        Ok(())
    }
}

fn sums(row: &Bytes) -> BTreeMap<Vec<u8>, i64> {
    row.chunks_exact(40)
        .map(|row| (row[..32].to_vec(), i64::from_be_bytes(row[32..].try_into().unwrap())))
        .collect()
}

#[test]
fn sums_over_the_graph_count_a_common_ancestor_once() {
    // HI-7
    let level = Memory::new();
    let log: Hyperlog<Json<i64>> = open_on(&level, 1).with_encoding();
    let adder = Index::open(&log, level, Adder).unwrap();
    let sum = |id: &NodeId| sums(&adder.get(id.as_bytes()).unwrap().unwrap()).values().sum::<i64>();
    let three = log.add(&[], 3).unwrap().id;
    let four = log.add(&[three], 4).unwrap().id;
    let hundred = log.add(&[four], 100).unwrap().id;
    let fork = log.add(&[three], 101).unwrap().id;
    let mut heads = log.heads().unwrap();
    heads.sort_by_key(|id| sum(id));
    assert_eq!((heads.clone(), sum(&hundred), sum(&fork)), (vec![fork, hundred], 107, 104));
    let merge = log.add(&heads, 500).unwrap().id;
    assert_eq!(sum(&merge), 708);
    Orders::of(&log).unwrap().check(&Adder, 20, 2, |rows| rows).unwrap().unwrap();
}

#[test]
fn replicas_that_hold_the_same_have_the_same_view() {
    let logs: Vec<Log> = (1..=2).map(|n| open_on(&Memory::new(), n).with_encoding()).collect();
    let views: Vec<Index<Kv>> = logs.iter().map(|log| Index::open(log, Memory::new(), Kv).unwrap()).collect();
    let root = put(&logs[0], &[], 1);
    import(&logs[1], &export(&logs[0]));
    put(&logs[0], &[&root], 2);
    put(&logs[1], &[&root], 3);
    assert_eq!((values(&views[0], "a"), values(&views[1], "a")), (vec![2], vec![3]));
    import(&logs[1], &export(&logs[0]));
    import(&logs[0], &export(&logs[1]));
    assert_eq!((values(&views[0], "a"), values(&views[1], "a")), (vec![2, 3], vec![2, 3]));
    logs[1].append(("a".to_owned(), 4)).unwrap();
    import(&logs[0], &export(&logs[1]));
    assert_eq!((values(&views[0], "a"), values(&views[1], "a")), (vec![4], vec![4]));
}
