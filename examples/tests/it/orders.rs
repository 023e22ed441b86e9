//! The views of the workshop, mapped in many orders of the same graph: none may care.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in helpers too")]

use std::collections::BTreeMap;

use bytes::Bytes;
use hyperlog::{Binary, Encoding, Hyperlog, Identity, Json, Memory, NodeId, Read, Utf8};
use hyperlog_index::testing::Orders;
use hyperlog_index::{MapError, Rows, View};

#[path = "../../workshop/08-an-index/solution.rs"]
#[expect(dead_code, unreachable_pub, reason = "of the solution, the view alone is looked at")]
mod an_index;
#[path = "../../workshop/09-catching-up/solution.rs"]
#[expect(dead_code, unreachable_pub, reason = "of the solution, the view alone is looked at")]
mod catching_up;
#[path = "../../workshop/10-migration/solution.rs"]
#[expect(dead_code, unreachable_pub, reason = "of the solution, the view alone is looked at")]
mod migration;

/// Three people write apart, meet now and then, and each links some of what it knows.
fn graph<E: Encoding>(value: impl Fn(usize) -> E::Value) -> Hyperlog<E> {
    let logs: Vec<Hyperlog<E>> =
        (1..4).map(|n| Hyperlog::open(Memory::new(), Identity::from_seed(&[n; 32])).unwrap()).collect();
    for n in 0..40 {
        let log = &logs[n % 3];
        let known: Vec<NodeId> = log
            .with_encoding::<Binary>()
            .changes(Read::all().reverse(true).limit(5))
            .map(|node| node.unwrap().id)
            .collect();
        let links: Vec<NodeId> = known.iter().copied().step_by(1 + n % 4).collect();
        log.add(&links, value(n)).unwrap();
        if n % 7 == 0 {
            replicate::sync(&logs[n % 3], &logs[(n + 1) % 3]).unwrap();
        }
    }
    replicate::sync(&logs[0], &logs[1]).unwrap();
    replicate::sync(&logs[0], &logs[2]).unwrap();
    logs[0].clone()
}

fn same_in_all_orders<E, V: View>(log: &Hyperlog<E>, view: &V) -> bool {
    let rows = |rows: BTreeMap<Bytes, Bytes>| rows;
    Orders::of(log).unwrap().check(view, 60, 1, rows).unwrap().is_ok()
}

#[test]
fn the_views_of_the_workshop_do_not_depend_on_the_order() {
    let keys = ["soup", "stew", "salad"];
    let puts = graph::<Json<an_index::Put>>(|n| (keys[n % 2].to_owned(), n as i64));
    assert!(same_in_all_orders(&puts, &an_index::Kv));

    let votes = graph::<Utf8>(|n| keys[n % 3].to_owned());
    let index = catching_up::open(&votes, Memory::new()).unwrap();
    assert!(same_in_all_orders(&votes, index.view()));

    let votes = graph::<Json<migration::Vote>>(|n| {
        let dish = keys[n % 3].to_owned();
        if n % 2 == 0 { migration::Vote::Dish(dish) } else { migration::Vote::Party { dish, eaters: 2 } }
    });
    let second = migration::open(&votes, Memory::new()).unwrap();
    assert!(same_in_all_orders(&votes, second.view()));
    let first = migration::open_first(&votes, Memory::new()).unwrap();
    assert!(same_in_all_orders(&votes, first.view()));
}

#[test]
fn a_view_that_keeps_what_came_last_depends_on_the_order() {
    // The control.
    struct Last;
    impl View for Last {
        type Encoding = Utf8;
        fn name(&self) -> &str {
            "last"
        }
        fn version(&self) -> u32 {
            1
        }
        fn map(&self, node: &hyperlog::Node<String>, rows: &mut Rows<'_>) -> Result<(), MapError> {
            Ok(rows.put(b"last", node.id.as_bytes().to_vec())?)
        }
    }
    assert!(!same_in_all_orders(&graph::<Utf8>(|n| n.to_string()), &Last));
}
