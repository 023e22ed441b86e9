//! Finding each other without an address.

use std::process::Command;

use super::Talker;
use crate::place::Place;

/// `saga` on the local network, which here is this machine.
fn on_lan(place: &Place, name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saga"));
    command.arg("--dir").arg(place.path().join("chat")).args(["--name", name, "--json"]);
    command
}

#[test]
fn three_find_each_other_on_the_local_network() {
    let place = Place::new();
    let mut ana = Talker::of("ana", on_lan(&place, "ana").args(["--door", "open"]));
    let key = ana.key();
    // Whether multicast works here is told at the start, if at all.
    let mut ben = Talker::of("ben", on_lan(&place, "ben").args(["--join", &key]));
    ben.key();
    let start = std::time::Instant::now();
    while !ana.heard(|value| value["type"] == "join") {
        if ana.heard(|value| value["type"] == "net" && value["text"].as_str().unwrap().contains("multicast"))
        {
            eprintln!("skipped: no multicast here: {:?}", ana.heard);
            return;
        }
        if start.elapsed().as_secs() > 20 {
            eprintln!("skipped: nobody is found here within 20 s: {:?}", ana.heard);
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut cy = Talker::of("cy", on_lan(&place, "cy").args(["--join", &key]));
    for talker in [&mut ben, &mut cy] {
        talker.hears("done", |value| value["text"] == "you may write now");
    }
    ben.hears("join", |value| value["name"] == "cy");
    cy.writes("found you all");
    ana.reads("found you all");
    ben.reads("found you all");
    ana.ends().well();
    // The others need no founder.
    ben.writes("without ana");
    cy.reads("without ana");
}
