//! Histories, one or many.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::mix::Mix;
use crate::world::{Broken, Checked, World};

/// One history.
pub(crate) struct Outcome {
    pub(crate) result: Checked,
    pub(crate) mix: Mix,
    pub(crate) hash: u64,
    pub(crate) lines: Vec<String>,
}

pub(crate) fn history(seed: u64, broken: Broken, in_words: bool) -> Outcome {
    match World::new(seed, broken, in_words) {
        Ok(mut world) => {
            let mut run = || {
                world.live()?;
                world.heal()
            };
            let result =
                catch_unwind(AssertUnwindSafe(&mut run)).unwrap_or_else(|_| Err("it panicked".into()));
            world.mix.close();
            let World { mix, trace, .. } = world;
            Outcome { result, mix, hash: trace.hash(), lines: trace.into_lines() }
        }
        Err(why) => Outcome { result: Err(why), mix: Mix::default(), hash: 0, lines: Vec::new() },
    }
}

/// A history that must not go wrong.
#[track_caller]
pub(crate) fn holds(seed: u64) -> Outcome {
    let outcome = history(seed, Broken::default(), false);
    if let Err(why) = &outcome.result {
        panic!("{}", explain(seed, why));
    }
    outcome
}

/// What went wrong, what came before, and how to see it again.
fn explain(seed: u64, why: &str) -> String {
    let again = history(seed, Broken::default(), true);
    let same =
        if again.result.as_ref().err().map(String::as_str) == Some(why) { "" } else { " NOT THE SAME AGAIN" };
    // Of the steps of a wire only what they led to.
    let told: Vec<String> = again.lines.into_iter().filter(|line| line.split(' ').count() > 3).collect();
    let last = told.len().saturating_sub(60);
    format!(
        "seed {seed}: {why}{same}\n\nwhat came before:\n{}\n\nto see it again:\n  \
         SIM_SEED={seed} SIM_HISTORIES=1 cargo test --profile sim -p hyperlog --test sim histories",
        told[last..].join("\n")
    )
}

/// Histories from a seed on, on all cores; returns what they were made of, or stops at the first that fails.
#[track_caller]
pub(crate) fn histories(first: u64, count: u64) -> Mix {
    let (next, failed, sum) =
        (AtomicU64::new(0), Mutex::new(None::<(u64, String)>), Mutex::new(Mix::default()));
    let work = || {
        let mut mix = Mix::default();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count || failed.lock().unwrap().is_some() {
                break;
            }
            let seed = first.wrapping_add(n);
            let outcome = history(seed, Broken::default(), false);
            mix.add(&outcome.mix);
            if let Err(why) = outcome.result {
                failed.lock().unwrap().get_or_insert((seed, why));
            }
        }
        sum.lock().unwrap().add(&mix);
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        (0..cores).for_each(|_| drop(scope.spawn(work)));
    });
    if let Some((seed, why)) = failed.into_inner().unwrap() {
        panic!("{}", explain(seed, &why));
    }
    sum.into_inner().unwrap()
}

/// Histories under a fault until one goes wrong: how many that took, and what was wrong.
pub(crate) fn until_caught(broken: Broken, max: u64) -> Option<(u64, String)> {
    (0..max).find_map(|n| history(n, broken, false).result.err().map(|why| (n + 1, why)))
}
