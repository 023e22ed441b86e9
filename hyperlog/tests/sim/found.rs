//! Histories that are worth more than others, by what they found. Whoever finds one adds it here.
//!
//! Those here so far found faults that were put in by hand, and nothing shorter did. A seed means another history once
//! the simulator itself is changed: then it is looked for again, with the fault put in.

use crate::run::holds;

/// Found: a completed sync ended the wait of an old copy, whether or not what it lacked had come.
#[test]
fn an_old_copy_waits_for_what_it_lacks_and_not_for_any_sync() {
    holds(294);
}

/// Found: the sidecar was written while the store was behind it.
#[test]
fn an_old_copy_does_not_lower_its_sidecar() {
    holds(214);
}

/// Found: a value came that was asked for, and was deleted meanwhile.
#[test]
fn a_value_that_is_deleted_while_it_is_asked_for_stays_deleted() {
    holds(2_175);
}
