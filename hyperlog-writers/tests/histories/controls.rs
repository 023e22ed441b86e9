//! The histories see what they are for: each of these policies is wrong on purpose, and is caught.

use crate::broken;
use crate::place::MakePolicy;
use crate::run::{history, until_caught};

/// That it is caught within so many histories, and for what it is.
#[track_caller]
fn is_caught(name: &str, policy: MakePolicy, within: u64, symptoms: &[&str]) {
    let caught = until_caught(policy, within);
    let Some((histories, why)) = caught else { panic!("{name} was not caught in {within} histories") };
    assert!(symptoms.iter().any(|symptom| why.contains(symptom)), "{name} shows as something else: {why}");
    let why: String = why.chars().take(160).collect();
    println!("{name}: caught after {histories} histories: {why}");
}

#[test]
fn the_definition_itself_is_not_caught() {
    for seed in 1..=30 {
        history(seed, Some(broken::goes_by_the_definition), u64::MAX, false).result.unwrap();
    }
}

#[test]
fn deciding_at_arrival_is_caught() {
    is_caught("deciding at arrival", broken::decides_at_arrival, 20, &["is void", "does not count"]);
}

#[test]
fn a_blacklist_of_what_was_void_is_caught() {
    is_caught("a blacklist", broken::blacklists, 20, &["the node is void, and so refused"]);
}

#[test]
fn revocations_that_restore_nothing_when_they_fall_are_caught() {
    is_caught("restoring nothing", broken::restores_nothing, 50, &["is void", "does not count"]);
}

#[test]
fn revocations_that_do_not_fall_are_caught() {
    is_caught("revocations for good", broken::lets_no_revocation_fall, 50, &["is void", "and does not"]);
}

#[test]
fn keeping_only_what_is_named_is_caught() {
    is_caught("keep that is not closed", broken::does_not_close_keep, 50, &["is void", "and does not"]);
}
