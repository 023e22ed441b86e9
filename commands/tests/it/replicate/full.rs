//! One side has no room left.

use super::{Pair, are_equal};
use crate::dice::Dice;
use crate::disk_full::SmallDisk;
use crate::place::{Log, Place};

#[test]
fn a_full_disk_is_named_here_and_only_as_a_failure_there() {
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(&place, 90) else { return };
    let (a, b) = (place.log("a"), Log(disk.0.join("b")));
    let own = b.append("of b");
    let mut dice = Dice::cast("values");
    // Values that nothing can compress.
    let value =
        |dice: &mut Dice| (0..500).map(|_| format!("{:016x}", dice.below(u64::MAX))).collect::<String>();
    let lines: String = (0..2_000).map(|_| value(&mut dice) + "\n").collect();
    a.reads("add --lines", lines).done();
    disk.fill(6 << 10);
    for (push, pull) in [("", ""), ("--push", "--pull")] {
        let (a_ended, b_ended) = Pair::start(&mut a.replicate(push), &mut b.replicate(pull)).end();
        let why = b_ended.failed();
        assert!(why.contains("the log here failed"), "{why}");
        crate::disk_full::says_that_there_is_no_room(&why);
        let why = a_ended.failed();
        assert!(why.ends_with(": the other side ended the sync: the log on this side failed"), "{why}");
        assert!(!why.contains("room") && !why.contains("space"), "{why}");
        a.is_sound();
    }
    disk.make_room();
    b.is_sound();
    assert_eq!(b.nodes()[0]["id"], own);
    let (_, said) = Pair::start(&mut a.replicate(""), &mut b.replicate("")).end_well();
    assert!(said.contains("both logs are equal"), "{said}");
    assert_eq!(are_equal(&a, &b).len(), 2_001);
    b.append("after");
}
