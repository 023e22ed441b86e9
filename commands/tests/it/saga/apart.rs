//! Three, one of whom is away.

use super::{Talker, ana_and_ben, talker};
use crate::place::Place;

#[test]
fn who_was_away_comes_back_to_the_same_history_as_all() {
    let place = Place::new();
    let (mut ana, mut ben) = ana_and_ben(&place);
    let mut cy = Talker::joins(&place, "cy", &mut ana);
    cy.hears("done", |value| value["text"] == "you may write now");
    ana.writes("all are here");
    ben.reads("all are here");
    cy.reads("all are here");
    cy.ends().well();
    // Away, and on the train: both sides write.
    for n in 0..5 {
        ana.writes(&format!("ana {n}"));
        ben.reads(&format!("ana {n}"));
        ben.writes(&format!("ben {n}"));
    }
    ana.reads("ben 4");
    let mut cy = Talker::of("cy", &mut talker(&place, "cy"));
    for n in 0..5 {
        cy.writes(&format!("cy {n}"));
    }
    cy.ends().well();
    let address = ana.address().to_string();
    let mut cy = Talker::of("cy", talker(&place, "cy").args(["--connect", &address]));
    for talker in [&mut ana, &mut ben] {
        talker.reads("cy 4");
    }
    cy.reads("ben 4");
    let history = ana.history();
    assert_eq!(history.len(), 16);
    for own in ["ana", "ben", "cy"] {
        let of_one: Vec<_> = history.iter().filter(|text| text.starts_with(own)).collect();
        assert!(of_one.is_sorted() && of_one.len() == 5, "{of_one:?}");
    }
    assert_eq!(ben.history(), history);
    assert_eq!(cy.history(), history);
}
