//! Many peers of a channel, writers among them that keep no rule, and the definition of who may write beside them:
//! after every step each peer must say what the definition says of the nodes that it has stored.
//!
//! A history is some forty steps: somebody is authorized, writes, is revoked, writes on all the same, in a copy of long
//! ago, under a grant that never counted; whoever revoked is revoked; and what was written comes to each peer in another
//! order, by syncs, exports, or one commit at a time. Then everybody syncs with everybody: all must be equal, and equal
//! to a peer that takes all of it anew.
//!
//! `WRITERS_SEED` is the seed of the first history, `WRITERS_HISTORIES` how many there are; a failure prints both.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at what is wrong")]

mod broken;
mod check;
mod controls;
mod forge;
mod heal;
mod hostile;
mod intrigue;
mod mix;
mod oracle;
mod parcel;
mod place;
mod run;
mod step;
mod world;

fn from_env(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")),
        Err(_) => default,
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how fast it is; no history knows the time")]
fn peers_say_what_the_definition_says() {
    let (seed, count) = (from_env("WRITERS_SEED", 1), from_env("WRITERS_HISTORIES", 200));
    let start = std::time::Instant::now();
    let mix = run::histories(seed, count);
    let seconds = start.elapsed().as_secs_f64();
    println!("{mix}\n{:.0} histories/s from seed {seed} on", count as f64 / seconds);
    if count < 100 {
        return;
    }
    for (name, with, percent) in [
        ("a revocation that falls", mix.with.fall, 20),
        ("a node that counts again", mix.with.restored, 20),
        ("a node that ceases to count", mix.with.voided, 20),
        ("a backdated node", mix.with.backdated, 20),
        ("an equivocation", mix.with.equivocation, 20),
        ("a refused node", mix.with.refused, 20),
    ] {
        assert!(mix.percent(with) >= percent, "only {} % of the histories have {name}", mix.percent(with));
    }
}

#[test]
fn a_seed_replays_step_by_step() {
    let first = from_env("WRITERS_SEED", 1);
    for seed in first..first + 5 {
        let [once, again] = [(); 2].map(|()| run::history(seed, None, u64::MAX, true));
        assert_eq!((once.told, once.mix), (again.told, again.mix), "seed {seed}");
    }
}
