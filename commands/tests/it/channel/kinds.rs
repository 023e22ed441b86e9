//! Logs of another kind.

use super::two;
use crate::place::Place;
use crate::replicate::{dupsh, line};

#[test]
fn an_open_log_and_a_channel_are_told_apart_in_plain_words() {
    let place = Place::new();
    let (ana, _, key) = two(&place);
    let open = place.log("open");
    open.put("a", "1");
    let both = dupsh(&line(&ana.call("sync")), &line(&open.call("sync")));
    let of_ana = "hyperkv: the other side is an open log, this one a channel: run `open CHANNEL` there first";
    let of_open = "hyperkv: the other side is a channel, this one an open log: run `open CHANNEL` here first";
    assert!(both.a.contains(of_ana), "{}", both.a);
    assert!(both.b.contains(of_open), "{}", both.b);
    assert!(!both.a.contains("hyperlog-writers") && !both.b.contains("hyperlog-writers"));
    let said = open.import(ana.export()).failed();
    assert!(
        said.ends_with(
            "this is an export of a channel, and here is an open log: run `open CHANNEL` here first"
        )
    );
    let said = ana.import(open.export()).failed();
    assert!(said.ends_with(
        "this is an export of an open log, and here is a channel: it goes into a folder of its own"
    ));
    // And scuttleup's.
    let scuttles = place.log("scuttles");
    scuttles.scuttles(["append", "x"]).done();
    let said = scuttles.fails(&format!("open {key}"));
    assert!(said.ends_with("this is a log of scuttleup, not a channel"), "{said}");
    let both = dupsh(&line(&ana.call("sync")), &line(scuttles.scuttleup().arg("replicate")));
    assert!(
        both.a.contains("the other side is a log of scuttleup, this one a channel: they cannot sync"),
        "{}",
        both.a
    );
    assert!(
        both.b.contains("the other side is a channel, this one a log of scuttleup: they cannot sync"),
        "{}",
        both.b
    );
    let said = ana.scuttles(["read"]).failed();
    assert!(said.ends_with("this is a channel of hyperlog"), "{said}");
}
