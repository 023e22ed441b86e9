//! Processes that are killed at any moment, and what the next one finds.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::{once, talker};
use crate::dice::Dice;
use crate::killed::{Moments, killed_after, time};
use crate::place::Place;

fn told(lines: &[String], kind: &str) -> Vec<Value> {
    let values = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    values.filter(|value| value["type"] == kind).collect()
}

#[test]
fn a_founding_that_was_killed_leaves_a_whole_channel_or_none() {
    let place = Place::new();
    let mut dice = Dice::cast("killed foundings");
    let founding = |home: &str| {
        let mut command = talker(&place, home);
        command.args(["--door", "ask"]);
        command
    };
    let mut moments = Moments::new(time(|| drop(once(&mut founding("whole"), "hello\n"))));
    let mut kills = 0;
    for round in 0..14 {
        let name = format!("ana{}", round / 2);
        let (lines, killed) =
            killed_after(moments.next(&mut dice), &mut founding(&name), Some("hello\n"), &place);
        moments.learn(killed);
        kills += u32::from(killed);
        let found = told(&lines, "channel");
        let values = once(&mut founding(&name), "/history\nagain\n");
        let again = values.iter().find(|value| value["type"] == "channel").unwrap();
        assert_eq!(again["role"], "admin", "whole");
        if let [channel] = found.as_slice() {
            assert_eq!(channel["key"], again["key"], "what was told of is there");
        }
        for said in told(&lines, "message") {
            assert!(values.iter().any(|value| value["id"] == said["id"]), "acknowledged, and gone");
        }
        // One whole channel for each that was told of, and each with its recovery key.
        let home = place.path().join("chat").join(&name);
        for entry in fs::read_dir(&home).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if name.len() == 16 && name.chars().all(|c| c.is_ascii_hexdigit()) {
                assert!(home.join(format!("{name}.recovery")).exists(), "a channel without its recovery key");
            }
        }
    }
    assert!(kills >= 4, "only {kills} of 14 were killed in time");
}

#[test]
fn no_message_that_was_acknowledged_is_lost_to_a_kill() {
    let place = Place::new();
    let mut dice = Dice::cast("killed talkers");
    let ana = || {
        let mut command = talker(&place, "ana");
        command.args(["--door", "ask"]);
        command
    };
    let lines: String = (0..300).map(|n| format!("{n}\n")).collect();
    once(&mut ana(), "");
    let mut acknowledged = BTreeSet::new();
    let mut some = false;
    for round in 0..8 {
        let wait = Duration::from_millis(30 + dice.below(400));
        let (printed, killed) = killed_after(wait, &mut ana(), Some(&lines), &place);
        let before = acknowledged.len();
        acknowledged
            .extend(told(&printed, "message").iter().map(|value| value["id"].as_str().unwrap().to_owned()));
        some |= killed && acknowledged.len() > before;
        if round % 4 == 3 {
            let there: BTreeSet<String> = once(&mut ana(), "/history 10000\n")
                .iter()
                .filter(|value| value["type"] == "history")
                .map(|value| value["id"].as_str().unwrap().to_owned())
                .collect();
            assert!(acknowledged.is_subset(&there), "acknowledged, and gone");
        }
    }
    assert!(some, "nobody was killed while talking");
}
