//! Deep chains and wide fans: what they cost grows with the nodes and with nothing else.

use std::sync::Arc;

use hyperlog::{Change, Doc, Durability, Hyperlog, LINKS_MAX, Level, Link, Memory, Read, Utf8};
use level::testing::{Failing, Operation};

use crate::support::{check, export, identity, import, open};

fn doc(links: Vec<Link>, n: usize) -> Doc<String> {
    Doc { links, value: n.to_string() }
}

/// A chain, each node of which links the one before.
fn chain(log: &Hyperlog<Utf8>, nodes: usize) {
    for start in (0..nodes).step_by(10_000) {
        let heads: Vec<Link> = log.heads().unwrap().into_iter().map(Link::Node).collect();
        let docs = (start..nodes.min(start + 10_000)).map(|n| match n - start {
            0 => doc(heads.clone(), n),
            place => doc(vec![Link::Doc(place - 1)], n),
        });
        log.batch(docs.collect::<Vec<_>>()).unwrap();
    }
}

/// Runs with hardly any stack: a walk by recursion would overflow it.
fn with_little_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(64 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_chain_of_100_000_is_added_read_merged_and_checked_without_a_deep_stack() {
    with_little_stack(|| {
        let log = open(1);
        chain(&log, 100_000);
        assert_eq!((log.last(), log.heads().unwrap().len()), (Change(100_000), 1));
        let copy = open(2);
        import(&copy, &export(&log));
        assert_eq!(copy.heads().unwrap(), log.heads().unwrap());
        assert_eq!(copy.changes(Read::all().reverse(true)).count(), 100_000);
        assert!(copy.fsck().unwrap().is_clean());
    });
}

#[test]
fn a_fan_of_10_000_heads_is_joined_256_at_a_time() {
    with_little_stack(|| {
        let log = open(1);
        let root = log.append("root").unwrap();
        log.batch((0..10_000).map(|n| doc(vec![root.id.into()], n)).collect::<Vec<_>>()).unwrap();
        assert_eq!(log.heads().unwrap().len(), 10_000);
        let copy = open(2);
        import(&copy, &export(&log));
        assert_eq!(copy.heads().unwrap(), log.heads().unwrap());
        let mut appends = 0;
        while log.heads().unwrap().len() > 1 {
            log.append("joins").unwrap();
            appends += 1;
        }
        assert_eq!(appends, 10_000_usize.div_ceil(LINKS_MAX - 1));
        check(&log);
    });
}

/// Rows that are read while `work` is done on a log.
fn reads(prepare: impl FnOnce(&Hyperlog<Utf8>), work: impl FnOnce(&Hyperlog<Utf8>)) -> u64 {
    let level = Failing::new(Memory::new());
    let shared: Arc<dyn Level> = Arc::new(level.clone());
    let log = Hyperlog::options().durability(Durability::Buffered).open::<Utf8>(shared, identity(1)).unwrap();
    prepare(&log);
    let before = level.count(Operation::Read);
    work(&log);
    level.count(Operation::Read) - before
}

fn fan(log: &Hyperlog<Utf8>, nodes: usize) {
    log.batch((0..nodes).map(|n| doc(vec![], n)).collect::<Vec<_>>()).unwrap();
}

#[test]
fn an_add_reads_no_more_rows_in_a_large_graph_than_in_a_small_one() {
    let root = |log: &Hyperlog<Utf8>| log.changes(Read::all().limit(1)).next().unwrap().unwrap().id;
    for (what, of) in [("a deep chain", chain as fn(&Hyperlog<Utf8>, usize)), ("a wide fan", fan)] {
        for nodes in [100, 1_000, 10_000] {
            let id = std::cell::Cell::new(None);
            let prepare = |log: &Hyperlog<Utf8>| {
                of(log, nodes);
                log.append("makes room among the heads").unwrap();
                id.set(Some(root(log)));
            };
            let add = |log: &Hyperlog<Utf8>| {
                (0..10).for_each(|_| drop(log.add(&[id.get().unwrap()], "x").unwrap()));
            };
            let count = reads(prepare, add);
            // The link, the row of heads, and once the heads that move up.
            assert!(count <= 10 * 6 + 40, "{what} of {nodes}: {count} rows for 10 adds");
        }
    }
}

#[test]
fn appending_to_many_heads_reads_in_proportion_to_what_it_links() {
    for heads in [300, 3_000, 10_000] {
        let count = reads(|log| fan(log, heads), |log| drop(log.append("joins").unwrap()));
        assert!(count <= 5 * LINKS_MAX as u64, "{count} rows for one append to {heads} heads");
    }
}

#[test]
fn importing_twice_as_much_reads_twice_as_much() {
    for shape in [chain as fn(&Hyperlog<Utf8>, usize), fan] {
        let cost = |nodes| {
            let log = open(2);
            shape(&log, nodes);
            let bytes = export(&log);
            reads(|_| {}, |log| drop(import(log, &bytes)))
        };
        let (small, large) = (cost(2_000), cost(8_000));
        assert!(large <= small * 5, "{small} rows for 2,000 nodes, {large} for 8,000");
    }
}

#[test]
fn many_heads_leave_no_rows_behind_when_they_are_joined() {
    use level::{KeyRange, Order, Read as _};
    let level = Memory::new();
    let log = Hyperlog::<Utf8>::open(level.clone(), identity(1)).unwrap();
    let meta = level.sub("meta").unwrap();
    let rows = |prefix: &[u8]| -> Vec<usize> {
        let rows = level.range(meta, KeyRange::prefix(prefix), Order::Ascending);
        rows.map(|row| row.unwrap().1.len()).collect()
    };
    fan(&log, 500);
    assert_eq!((rows(b"xh"), rows(b"xm").len()), (vec![8 + 32 * 40], 468));
    while log.heads().unwrap().len() > 1 {
        log.append("joins").unwrap();
    }
    // One head in the one row, which knows of no others: later adds cost what they cost in a small graph.
    assert_eq!((rows(b"xh"), rows(b"xm").len()), (vec![8 + 40], 0));
    assert_eq!(level.get(meta, b"xh").unwrap().unwrap()[..8], [0; 8]);
    fan(&log, 40);
    log.add(&log.heads().unwrap()[..20], "joins some").unwrap();
    log.add(&[], "makes room").unwrap();
    assert_eq!((rows(b"xh"), log.heads().unwrap().len()), (vec![8 + 23 * 40], 23));
}
