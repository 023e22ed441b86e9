//! All places and what lies between them, in virtual time.

use std::collections::BTreeSet;
use std::time::Duration;

use hyperlog::WriterId;
use replicate::sim::{Dice, Faults, Wire};
use replicate::{Options, Session};
use scuttleup::Defect;

use crate::link::{Link, Plan};
use crate::mix::Mix;
use crate::place::Place;
use crate::trace::Trace;

/// What must hold, or what does not.
pub(crate) type Checked = Result<(), String>;

/// What is wrong on purpose, so that the simulator can show that it sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Broken {
    /// Sessions go wrong.
    pub(crate) defect: Option<Defect>,
    /// A crash loses a batch and keeps later ones.
    pub(crate) disk_out_of_order: bool,
}

/// Steps that a history may take. One that takes more does not end.
const STEPS_MAX: u64 = 2_000_000;

/// Sessions at once.
pub(crate) const LINKS_MAX: usize = 6;

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) now: Duration,
    pub(crate) places: Vec<Place>,
    pub(crate) links: Vec<Link>,
    /// Writers that write in two places, and so may fork.
    pub(crate) cloned: BTreeSet<WriterId>,
    pub(crate) mix: Mix,
    pub(crate) trace: Trace,
    /// Megabytes are to come, so no wire is so narrow that they would never end.
    pub(crate) wide: bool,
    steps: u64,
}

impl World {
    /// Two to four places with a writer each.
    pub(crate) fn new(seed: u64, broken: Broken, in_words: bool) -> Result<Self, String> {
        let mut dice = Dice::new(seed);
        let count = 2 + dice.below(3) as u8;
        let places = (1..=count).map(|key| Place::new(key, broken)).collect::<Result<_, _>>()?;
        Ok(Self {
            dice,
            now: Duration::ZERO,
            places,
            links: Vec::new(),
            cloned: BTreeSet::new(),
            mix: Mix::default(),
            trace: Trace::new(in_words),
            wide: false,
            steps: 0,
        })
    }

    pub(crate) fn any_place(&mut self) -> usize {
        self.dice.place(self.places.len())
    }

    pub(crate) fn any_link(&mut self) -> Option<&mut Link> {
        let n = self.dice.place(self.links.len());
        self.links.get_mut(n)
    }

    // ---- sessions ----

    pub(crate) fn connect(
        &mut self,
        places: [usize; 2],
        plan: Plan,
        options: [Options; 2],
        faults: &Faults,
    ) -> Checked {
        let [a, b] = places;
        self.trace.say(format_args!("{:?} session of {a} and {b}: {plan}; {faults:?}", self.now));
        let begin = |place: usize, options| {
            let begun = Session::new(self.places[place].log(), options, self.now);
            begun.map_err(|cause| format!("a session at {place} does not begin: {cause}: {cause:?}"))
        };
        let [options_a, options_b] = options;
        let sessions = [begin(a, options_a)?, begin(b, options_b)?];
        self.mix.sessions += 1;
        self.mix.declined += u64::from(plan.declines);
        self.links.push(Link {
            wire: Wire::new(sessions, faults, self.dice.split(), self.now),
            places,
            plan,
            aborted: [false; 2],
            crashed: [false; 2],
            before: [None, None],
        });
        self.mix.together = self.mix.together.max(self.links.len() as u64);
        Ok(())
    }

    /// The sessions at a place are gone, with whatever they did not say.
    pub(crate) fn drop_sessions(&mut self, place: usize) {
        for link in &mut self.links {
            link.sides_at(place).for_each(|side| link.crash(side));
        }
    }

    // ---- time ----

    /// Lets time pass, and everything happen that is due meanwhile.
    pub(crate) fn pass(&mut self, time: Duration) -> Checked {
        let end = self.now + time;
        while let Some((at, link)) = self.next()
            && at <= end
        {
            self.step(at, link)?;
        }
        self.now = end;
        self.bury()
    }

    /// The link where something happens next, and when.
    pub(crate) fn next(&mut self) -> Option<(Duration, usize)> {
        let next = |(link, at): (usize, Option<Duration>)| at.map(|at| (at, link));
        self.links.iter_mut().map(|link| link.wire.next_at()).enumerate().filter_map(next).min()
    }

    pub(crate) fn step(&mut self, at: Duration, link: usize) -> Checked {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            let Link { wire, places, .. } = &self.links[link];
            return Err(format!("no end after {STEPS_MAX} steps, at {at:?} of {places:?}: {wire:?}"));
        }
        self.now = self.now.max(at);
        let wire = &mut self.links[link].wire;
        wire.step(self.now);
        self.trace.say(format_args!("{:?} {link} {:x}", self.now, wire.trace()));
        Ok(())
    }

    /// Judges the sessions that have ended on both sides.
    pub(crate) fn bury(&mut self) -> Checked {
        let mut n = 0;
        while n < self.links.len() {
            if !self.links[n].wire.is_over() {
                n += 1;
                continue;
            }
            let link = self.links.remove(n);
            let [a, b] = link.places;
            let [how_a, how_b] = link.judge(&mut self.mix)?;
            self.trace
                .say(format_args!("{:?} the session of {a} and {b} has ended: {how_a}; {how_b}", self.now));
        }
        Ok(())
    }
}
