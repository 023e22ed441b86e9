//! A founding that is killed leaves a channel or none.

use std::time::Duration;

use serde_json::Value;

use crate::dice::Dice;
use crate::killed::{killed_after, time};
use crate::place::Place;

#[test]
fn a_founding_that_was_killed_left_a_whole_channel_or_can_be_done_again() {
    let place = Place::new();
    let mut dice = Dice::cast("killed founders");
    let other = place.log("other").found("other");
    let one = time(|| drop(place.log("whole").found("team")));
    let (mut whole, mut none) = (0, 0);
    for round in 0..40 {
        let log = place.log(&round.to_string());
        let wait = Duration::from_micros(dice.below(one + one / 4));
        let (told, _) = killed_after(wait, log.hyperlog().args(["found", "team"]), None, &place);
        let key = log.whoami()["channel"].clone();
        if let Value::String(key) = key {
            whole += 1;
            assert!(told.iter().all(|told| *told == key));
            assert!(log.recovery().exists());
            let line = log.fails("found team");
            assert!(line.contains(&format!("holds channel {key} already")), "{line}");
        } else {
            none += 1;
            assert!(told.is_empty(), "told, and not there");
            if round % 4 == 0 {
                log.open(&other);
                continue;
            }
            if log.recovery().exists() {
                let line = log.fails("found team");
                assert!(
                    line.contains("recovery is there already")
                        && line.contains("of a `found` that was stopped"),
                    "{line}"
                );
                std::fs::remove_file(log.recovery()).unwrap();
            }
            log.found("team");
        }
        assert_eq!((log.whoami()["role"].as_str(), log.nodes().len()), (Some("admin"), 2));
        log.put("a", "1");
        log.is_sound();
    }
    assert!(none >= 5, "{whole} whole, {none} none");
}
