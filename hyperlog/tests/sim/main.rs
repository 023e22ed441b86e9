//! Many machines, many sessions, and everything that can go wrong between them, in virtual time and from a seed.
//!
//! A history is some fifty events: somebody writes, a session begins, a wire breaks within a group, the power fails,
//! an old backup is put back, a key is copied and both copies write. Then everything heals, and all logs must be
//! equal, whole and proven, and nobody may have refused anything.
//!
//! `SIM_SEED` is the seed of the first history, `SIM_HISTORIES` how many there are; a failure prints both.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at what is wrong")]

mod controls;
mod events;
mod found;
mod heal;
mod link;
mod mix;
mod place;
mod run;
mod trace;
mod world;

fn from_env(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")),
        Err(_) => default,
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how fast it is; no history knows the time")]
fn histories_end_in_logs_that_are_equal_whole_and_proven() {
    let (seed, count) = (from_env("SIM_SEED", 1), from_env("SIM_HISTORIES", 200));
    let start = std::time::Instant::now();
    let mix = run::histories(seed, count);
    let seconds = start.elapsed().as_secs_f64();
    println!("{mix}\n{:.0} histories/s from seed {seed} on", count as f64 / seconds);
    if count < 100 {
        return;
    }
    for (name, with, percent) in [
        ("a cut within a group", mix.with.cut_in_group, 30),
        ("a fork", mix.with.fork, 10),
        ("a restart", mix.with.restart, 10),
        ("a restored backup", mix.with.restored, 5),
        ("a stall that was noticed", mix.with.stall, 5),
        ("a live session", mix.with.live, 30),
        ("a hollow entry", mix.with.hollow, 2),
    ] {
        assert!(mix.percent(with) >= percent, "only {} % of the histories have {name}", mix.percent(with));
    }
    let wasted = mix.twice_alone * 100 / (mix.received_alone + mix.twice_alone).max(1);
    assert!(wasted <= 2, "{wasted} % of what was sent while nothing else went on was there");
}

#[test]
fn a_seed_replays_byte_for_byte() {
    let first = from_env("SIM_SEED", 1);
    for seed in first..first + 10 {
        let (once, again) = (run::holds(seed), run::holds(seed));
        assert_eq!((once.hash, once.mix), (again.hash, again.mix), "seed {seed}");
    }
    assert_ne!(run::holds(first).hash, run::holds(first + 1).hash);
}
