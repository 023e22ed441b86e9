//! Many entries, and how little is said when there is nothing to say.

use super::{Pair, are_equal, report};
use crate::dice::Dice;
use crate::place::{Log, Place};

/// `REPLICATE_LINES=100000` is the long form.
fn lines() -> u64 {
    std::env::var("REPLICATE_LINES").map_or(20_000, |lines| lines.parse().unwrap())
}

fn sync(a: &Log, b: &Log) -> [serde_json::Value; 2] {
    let (a_said, b_said) = Pair::start(&mut a.replicate("--json"), &mut b.replicate("--json")).end_well();
    [report(&a_said), report(&b_said)]
}

#[test]
fn tens_of_thousands_arrive_and_the_next_sync_says_next_to_nothing() {
    let (place, lines) = (Place::new(), lines());
    let (a, b) = (place.log("a"), place.log("b"));
    a.grow(lines, &mut Dice::cast("values"));
    b.append("of b");
    let [a_report, b_report] = sync(&a, &b);
    assert_eq!((&a_report["sent"], &b_report["received"]), (&lines.into(), &lines.into()));
    println!("{lines} nodes: {}", b_report["seconds"]);
    are_equal(&a, &b);

    // The control: what just went was more than is allowed now.
    assert!(a_report["bytes_sent"].as_u64().unwrap() > 10 * lines);
    let [a_report, b_report] = sync(&b, &a);
    for report in [a_report, b_report] {
        let bytes = ["bytes_sent", "bytes_received"].map(|key| report[key].as_u64().unwrap());
        assert!(bytes.iter().all(|bytes| (1..=250).contains(bytes)), "{report}");
        assert_eq!(
            (&report["equal"], &report["received"], &report["sent"]),
            (&true.into(), &0.into(), &0.into())
        );
    }
}

#[test]
fn one_new_node_after_many_costs_little_more_than_itself() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.grow(5_000, &mut Dice::cast("values"));
    sync(&a, &b);
    a.append("one more");
    let [a_report, b_report] = sync(&a, &b);
    assert_eq!((&a_report["sent"], &b_report["received"]), (&1.into(), &1.into()));
    for report in [&a_report, &b_report] {
        let bytes = report["bytes_sent"].as_u64().unwrap() + report["bytes_received"].as_u64().unwrap();
        assert!(bytes < 2_000, "{report}");
    }
    are_equal(&a, &b);
}
