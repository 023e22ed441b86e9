//! What a log says in a session: what the peer lacks, all of it, and in groups that it takes.

mod face;
mod links;
mod random;

use crate::support::{assert_clean, ids, log};
use face::sync;

#[test]
fn two_logs_that_are_apart_are_one_after_a_session() {
    let (one, two) = (log(1), log(2));
    one.append_batch((0..1_000).map(|n| n.to_string())).unwrap();
    two.append_batch((0..700).map(|n| n.to_string())).unwrap();
    assert_eq!(sync(&one, &two), [1_000, 700]);
    assert_eq!(ids(&one), ids(&two));
    one.append("more").unwrap();
    assert_eq!(sync(&one, &two), [1, 0]);
    assert_eq!(ids(&one), ids(&two));
    assert_clean(&one);
    assert_clean(&two);
}
