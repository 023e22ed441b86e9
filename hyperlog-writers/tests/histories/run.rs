//! Histories, one or many.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::mix::Mix;
use crate::place::MakePolicy;
use crate::world::{Checked, World};

/// One history.
pub(crate) struct Outcome {
    pub(crate) result: Checked,
    pub(crate) mix: Mix,
    pub(crate) told: Vec<String>,
    steps: u64,
}

pub(crate) fn history(seed: u64, policy: Option<MakePolicy>, steps_max: u64, in_words: bool) -> Outcome {
    let mut world = World::new(seed, policy, in_words);
    let mut run = || {
        world.live(steps_max)?;
        world.heal(policy)
    };
    let result = catch_unwind(AssertUnwindSafe(&mut run)).unwrap_or_else(|_| Err("it panicked".into()));
    world.mix.close();
    let (mix, steps) = (world.mix.clone(), world.step);
    Outcome { result, mix, told: world.into_told(), steps }
}

/// What went wrong, what came before in the shortest beginning of the history that goes wrong, and how to see it again.
fn explain(seed: u64, why: &str) -> String {
    let last = history(seed, None, u64::MAX, false).steps;
    let fails = |steps: &u64| history(seed, None, *steps, false).result.is_err();
    let steps = (0..=last).find(fails).unwrap_or(u64::MAX);
    let again = history(seed, None, steps, true);
    let what = again.result.err().unwrap_or_else(|| "NOT THE SAME AGAIN".to_owned());
    format!(
        "seed {seed}: {why}\n\nthe first {steps} steps of it end so:\n{}\n{what}\n\nto see it again:\n  \
         WRITERS_SEED={seed} WRITERS_HISTORIES=1 cargo test --profile sim -p hyperlog-writers --test histories peers",
        again.told.join("\n")
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
            let outcome = history(seed, None, u64::MAX, false);
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

/// Histories under another policy until one goes wrong: how many that took, and what was wrong.
pub(crate) fn until_caught(policy: MakePolicy, max: u64) -> Option<(u64, String)> {
    (1..=max).find_map(|n| history(n, Some(policy), u64::MAX, false).result.err().map(|why| (n, why)))
}
