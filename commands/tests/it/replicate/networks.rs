//! Programs that carry bytes between machines, in place of one end.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use super::{Both, Dupsh, Running, are_equal, eventually};
use crate::dice::Dice;
use crate::place::{Log, Place};

/// Whether a program is there to be tested with.
fn is_there(program: &str, about: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(about).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let there = command.status().is_ok();
    if !there {
        println!("skipped: {program} is not installed here");
    }
    there
}

fn has_nc() -> bool {
    is_there("nc", "-h")
}

/// Those of other makers have no `-N`.
fn nc_knows_n() -> bool {
    let help = Command::new("nc").arg("-h").stdin(Stdio::null()).output().unwrap();
    let known = String::from_utf8_lossy(&[help.stdout, help.stderr].concat()).contains("-N\t");
    if !known {
        println!("skipped: this nc has no -N");
    }
    known
}

fn has_socat() -> bool {
    is_there("socat", "-V")
}

static PORTS: Mutex<u16> = Mutex::new(0);

/// A port that is free, below those that the system gives to who asks for any.
fn port() -> u16 {
    let mut last = PORTS.lock().unwrap();
    if *last == 0 {
        *last = 12_000 + u16::try_from(Dice::cast("ports").below(18_000)).unwrap();
    }
    loop {
        *last += 1;
        if TcpListener::bind(("0.0.0.0", *last)).is_ok() {
            return *last;
        }
    }
}

/// Waits until somebody listens there.
#[track_caller]
fn listened_to(port: u16) {
    const LISTEN: &str = "0A";
    let at = format!(":{port:04X}");
    let listens = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        words.next().is_some_and(|local| local.ends_with(&at)) && words.nth(1) == Some(LISTEN)
    };
    let table = |name| fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
    eventually("a listener", || (table("tcp") + &table("tcp6")).lines().any(listens).then_some(()));
}

/// Two logs that have something for each other.
fn two_logs(place: &Place) -> (Log, Log) {
    let (a, b) = (place.log("a"), place.log("b"));
    a.append("of a");
    b.append("of b");
    b.append("of b, too");
    (a, b)
}

#[track_caller]
fn is_well(both: &Both) {
    let log = &both.b;
    assert_eq!((both.code, &*both.a, &*both.dupsh), (Some(0), "", ""), "{log}");
    assert!(log.contains("both logs are equal"), "{log}");
}

/// Syncs once with one `nc` that listens and one that calls.
#[track_caller]
fn over_nc(a: &Log, b: &Log, listen: &str, call: &str) {
    let port = port();
    let to = |nc: &str| nc.replace("PORT", &port.to_string());
    let listening = Dupsh::start(&to(listen), &a.syncing());
    listened_to(port);
    let calling = Dupsh::start(&to(call), &b.syncing());
    let (listened, called) = (listening.ends(), calling.ends());
    assert_eq!((listened.code, called.code), (Some(0), Some(0)), "{listened:?} {called:?}");
    is_well(&listened);
    is_well(&called);
    are_equal(a, b);
}

/// As the documents have it.
#[test]
fn nc_listens_on_one_machine_and_calls_from_the_other() {
    let place = Place::new();
    if !has_nc() {
        return;
    }
    let (a, b) = two_logs(&place);
    over_nc(&a, &b, "nc -l PORT", "nc localhost PORT");
    over_nc(&b, &a, "nc -l PORT", "nc localhost PORT");
}

/// With `-N`, `nc` tells the other end of the end of its input, whereupon an `nc` that listens drops what is still
/// on its way back.
#[test]
fn nc_may_pass_on_the_end_of_input_or_keep_it_to_itself() {
    let place = Place::new();
    if !has_nc() || !nc_knows_n() {
        return;
    }
    let (a, b) = two_logs(&place);
    for (listen, call) in [("", ""), ("-N", ""), ("", "-N"), ("-N", "-N")] {
        for _ in 0..3 {
            a.append("more");
            b.append("more");
            let listen = format!("nc {listen} -l 127.0.0.1 PORT");
            over_nc(&a, &b, &listen, &format!("nc {call} 127.0.0.1 PORT"));
        }
    }
}

/// `socat` with a log at one end.
fn socat(address: &str, log: &Log) -> Running {
    let mut command = Command::new("socat");
    command.args([address, &format!("EXEC:\"{}\"", log.syncing())]);
    Running::start(&mut command, Stdio::null(), Stdio::null())
}

#[test]
fn socat_carries_a_sync_between_two_machines() {
    let place = Place::new();
    if !has_socat() {
        return;
    }
    let (a, b) = two_logs(&place);
    // Many entries one way: the other is quiet for longer than socat waits after an end of input.
    a.grow(8_000, &mut Dice::cast("values"));
    for (one, other) in [(&a, &b), (&b, &a)] {
        let port = port();
        let listening = socat(&format!("TCP-LISTEN:{port},reuseaddr,bind=127.0.0.1"), one);
        listened_to(port);
        let calling = socat(&format!("TCP:127.0.0.1:{port}"), other);
        for said in [calling.ends().well(), listening.ends().well()] {
            assert!(said.contains("both logs are equal"), "{said}");
        }
        are_equal(&a, &b);
    }
}

#[test]
fn socat_on_one_machine_and_nc_on_the_other_understand_each_other() {
    let place = Place::new();
    if !has_socat() || !has_nc() {
        return;
    }
    let (a, b) = two_logs(&place);
    for nc in ["nc", "nc -N"] {
        if nc.ends_with("-N") && !nc_knows_n() {
            continue;
        }
        a.append("more");
        let from = port();
        let listening = socat(&format!("TCP-LISTEN:{from},reuseaddr,bind=127.0.0.1"), &a);
        listened_to(from);
        is_well(&Dupsh::start(&format!("{nc} 127.0.0.1 {from}"), &b.syncing()).ends());
        assert!(listening.ends().well().contains("both logs are equal"));

        b.append("more");
        let to = port();
        let listening = Dupsh::start(&format!("{nc} -l 127.0.0.1 {to}"), &b.syncing());
        listened_to(to);
        let said = socat(&format!("TCP:127.0.0.1:{to}"), &a).ends().well();
        assert!(said.contains("both logs are equal"), "{said}");
        is_well(&listening.ends());
        are_equal(&a, &b);
    }
}

/// Nobody comes: it is said what is waited for, and it ends with who would have carried it.
#[test]
fn who_listens_for_nobody_waits_and_ends_with_the_listener() {
    let place = Place::new();
    if !has_nc() {
        return;
    }
    let (a, _) = two_logs(&place);
    let port = port();
    let listening = Dupsh::start(&format!("timeout 3 nc -l 127.0.0.1 {port}"), &a.syncing());
    let both = listening.ends();
    assert!(both.b.contains("waiting for the other side"), "{both:?}");
    assert!(both.b.contains("the connection ended in the middle"), "{both:?}");
    a.is_sound();
}
