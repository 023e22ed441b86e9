//! The simulator sees what it is for: each of these is wrong on purpose, and is caught.

use scuttleup::Defect;

use crate::run::until_caught;
use crate::world::Broken;

/// That it is caught within so many histories, and for what it is.
#[track_caller]
fn is_caught(name: &str, broken: Broken, within: u64, symptoms: &[&str]) {
    let caught = until_caught(broken, within);
    let Some((histories, why)) = caught else { panic!("{name} was not caught in {within} histories") };
    assert!(symptoms.iter().any(|symptom| why.contains(symptom)), "{name} shows as something else: {why}");
    let why: String = why.chars().take(160).collect();
    println!("{name}: caught after {histories} histories: {why}");
}

#[track_caller]
fn defect_is_caught(defect: Defect, within: u64, symptoms: &[&str]) {
    is_caught(&format!("{defect:?}"), Broken { defect: Some(defect), ..Broken::default() }, within, symptoms);
}

#[test]
fn a_group_that_is_cut_is_caught() {
    defect_is_caught(Defect::CutGroups, 100, &["no signature covers"]);
}

#[test]
fn one_signature_for_all_branches_of_a_writer_is_caught() {
    defect_is_caught(Defect::OneSignaturePerWriter, 500, &["no signature covers"]);
}

#[test]
fn a_book_that_is_not_closed_is_caught() {
    defect_is_caught(Defect::OpenBook, 100, &["no signature covers"]);
}

#[test]
fn own_entries_shown_before_they_are_durable_are_caught() {
    defect_is_caught(Defect::NoDurabilityGate, 500, &["was shown, and is gone", "forked by itself"]);
}

#[test]
fn branches_that_are_not_located_are_caught() {
    defect_is_caught(Defect::NoLocate, 500, &["which is not here", "UnknownPrevious", "Claimed", "differ"]);
}

#[test]
fn a_disk_that_loses_a_batch_and_keeps_a_later_one_is_caught() {
    is_caught(
        "a disk out of order",
        Broken { disk_out_of_order: true, ..Broken::default() },
        200,
        &["is missing", "which is missing", "not in this log", "problems"],
    );
}
