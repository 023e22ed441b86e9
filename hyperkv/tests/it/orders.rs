//! The rows of the view are a function of the graph, whatever order its nodes came in.

use hyperkv::{NodeId, Registers, Write};
use hyperlog_index::testing::Orders;
use hyperlog_index::{MapError, Rows, View};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::draw::{FORKED, draw};
use crate::support::{Map, open, sync_all, three};

fn check_orders(kv: &Map, orders: usize) {
    let (nodes, seed) = (Orders::of(kv.log()).unwrap(), 7);
    nodes.check(&Registers, orders, seed, |rows| rows).unwrap().unwrap();
}

#[test]
fn rows_do_not_depend_on_the_order_of_nodes() {
    let kv = open(1);
    draw(&kv, FORKED);
    check_orders(&kv, 20);
    let maps = three();
    for n in 0..30 {
        maps[n % 3].put(["a", "b"][n % 2], n.to_string()).unwrap();
        if n % 7 == 0 {
            sync_all(&maps);
        }
    }
    sync_all(&maps);
    check_orders(&maps[0], 20);
}

#[test]
fn rows_over_the_bounds_and_back_do_not_depend_on_the_order_either() {
    let maps: Vec<Map> = (1..=20).map(open).collect();
    for (n, kv) in maps.iter().enumerate() {
        kv.put("few", n.to_string()).unwrap();
        if n < 3 {
            kv.put("large", n.to_string().repeat(40 << 10)).unwrap();
        }
    }
    maps.windows(2).for_each(|pair| crate::support::sync(&pair[0], &pair[1]));
    let last = &maps[19];
    assert_eq!(last.get("few").unwrap().len(), 20);
    check_orders(last, 20);
    let first: Vec<NodeId> = last.get("few").unwrap().ids().take(5).collect();
    last.write(Write::del("few").links(first)).unwrap();
    last.put("large", "small").unwrap();
    check_orders(last, 20);
}

/// The value that came last wins.
struct LastComes;

impl View for LastComes {
    type Encoding = hyperlog::Binary;

    fn name(&self) -> &str {
        "last"
    }

    fn version(&self) -> u32 {
        1
    }

    fn map(&self, node: &hyperlog::Node, rows: &mut Rows<'_>) -> Result<(), MapError> {
        Ok(rows.put(b"last", node.id.as_bytes().to_vec())?)
    }
}

#[test]
fn the_check_of_orders_sees_a_view_that_depends_on_them() {
    let [ana, ben] = [open(1), open(2)];
    for n in 0..5 {
        ana.put("a", n.to_string()).unwrap();
        ben.put("a", n.to_string()).unwrap();
    }
    crate::support::sync(&ana, &ben);
    check_orders(&ana, 10);
    let nodes = Orders::of(ana.log()).unwrap();
    assert!(nodes.check(&LastComes, 10, 7, |rows| rows).unwrap().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rows_of_any_graph_do_not_depend_on_the_order(
        writes in prop::collection::vec(
            (0..3_usize, 0..2_usize, prop::collection::vec(any::<Index>(), 0..4), prop::sample::select(&[1, 1, 1, 9, 30][..])),
            1..60,
        ),
        syncs in prop::collection::vec(any::<bool>(), 60),
    ) {
        let maps = three();
        for ((writer, key, links, kib), syncs) in writes.iter().zip(&syncs) {
            let (kv, key) = (&maps[*writer], ["a", "b"][*key]);
            let known = crate::support::ids(kv);
            let links = links.iter().filter(|_| !known.is_empty()).map(|link| *link.get(&known));
            // Not too often: else all is seen by somebody, and no register grows.
            kv.write(Write::put(key, "x".repeat(kib << 10)).links(links)).unwrap();
            if *syncs {
                crate::support::sync(kv, &maps[(writer + 1) % 3]);
            }
        }
        sync_all(&maps);
        check_orders(&maps[0], 12);
    }
}
