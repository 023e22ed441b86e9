//! When which address is dialled. Pure: time is handed in, as what passed since the swarm began.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::options::Limits;
use crate::registry::KeyBytes;

/// Whom to dial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// A `HOST:PORT` that somebody gave, for ever.
    Given(String),
    /// The name of an announcement in the LAN, as long as it is announced.
    Found(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is dialled at this time.
    Due(Duration),
    Dialing,
    /// Somebody with this key is there, and is connected, by this address or another.
    Met(KeyBytes),
    /// It is this program itself: never again.
    Own,
}

#[derive(Debug)]
struct Dial {
    /// Of an announcement; a given address is resolved each time.
    addresses: Vec<SocketAddr>,
    state: State,
    /// In a row.
    failures: u32,
    /// Announcements only: it ended. The entry stays as long as it says that it is not yet time to dial, so that nobody is
    /// dialled more often by coming and going.
    gone: bool,
}

/// All addresses, and when each is dialled.
#[derive(Debug)]
pub(crate) struct Dials {
    limits: Limits,
    dials: BTreeMap<Target, Dial>,
    dice: u64,
}

/// What comes before an address is dialled again: twice as much after each failure, from half of that to all of it,
/// by a dice, so that peers do not dial in step. Never less than the first, never more than the most.
pub(crate) fn pause(limits: &Limits, failures: u32, dice: u32) -> Duration {
    let doubled = limits.redial_first.saturating_mul(2_u32.saturating_pow(failures.saturating_add(1)));
    let (least, most) = (limits.redial_first, limits.redial_max.max(limits.redial_first));
    let base = doubled.min(most);
    let half = base / 2;
    (half + half.mul_f64(f64::from(dice) / f64::from(u32::MAX))).clamp(least, most)
}

impl Dials {
    pub(crate) fn new(limits: Limits, seed: u64) -> Self {
        Self { limits, dials: BTreeMap::new(), dice: seed }
    }

    /// Dials this address from now on; false when there are too many.
    pub(crate) fn give(&mut self, address: String, now: Duration) -> bool {
        let given = self.dials.keys().filter(|target| matches!(target, Target::Given(_))).count();
        let target = Target::Given(address);
        if self.dials.contains_key(&target) {
            return true;
        }
        if given >= self.limits.given {
            return false;
        }
        self.dials.insert(target, new(Vec::new(), now));
        true
    }

    /// Dials what the LAN announces under this name, after `pause`. False when there are too many that are better.
    pub(crate) fn find(
        &mut self,
        name: String,
        addresses: Vec<SocketAddr>,
        pause: Duration,
        now: Duration,
    ) -> bool {
        let target = Target::Found(name);
        if let Some(dial) = self.dials.get_mut(&target) {
            dial.addresses = addresses;
            dial.gone = false;
            return true;
        }
        let found = |(target, _): &(&Target, &Dial)| matches!(target, Target::Found(_));
        if self.dials.iter().filter(found).count() >= self.limits.found {
            // Who is gone or never answered gives way; who has not been tried yet, or is connected, does not.
            let worst = self.dials.iter().filter(found).filter(|(_, dial)| match dial.state {
                State::Dialing => false,
                State::Due(_) => dial.gone || dial.failures > 0,
                State::Met(_) => dial.gone,
                State::Own => true,
            });
            let worst =
                worst.max_by_key(|(_, dial)| (dial.gone, dial.failures)).map(|(target, _)| target.clone());
            let Some(worst) = worst else { return false };
            self.dials.remove(&worst);
        }
        self.dials.insert(target, new(addresses, now + pause));
        true
    }

    /// The LAN announces it no more.
    pub(crate) fn lose(&mut self, name: &str) {
        let target = Target::Found(name.to_owned());
        let Some(dial) = self.dials.get_mut(&target) else { return };
        dial.gone = true;
        if dial.failures == 0 && matches!(dial.state, State::Due(_)) {
            self.dials.remove(&target);
        }
    }

    /// When to ask again for what is due; never, if nothing is or enough are being dialled.
    pub(crate) fn next_at(&self) -> Option<Duration> {
        let busy = self.dials.values().filter(|dial| dial.state == State::Dialing).count();
        if busy >= self.limits.dials_at_once {
            return None;
        }
        self.dials.values().filter_map(Dial::due_at).min()
    }

    /// Whom to dial now, and where, if it was announced. From now on it is being dialled.
    pub(crate) fn due(&mut self, now: Duration) -> Option<(Target, Vec<SocketAddr>)> {
        self.dials.retain(|_, dial| !dial.gone || dial.due_at().is_none_or(|at| at > now));
        self.next_at().filter(|at| *at <= now)?;
        let soonest = self.dials.iter_mut().filter(|(_, dial)| dial.due_at().is_some());
        let (target, dial) = soonest.min_by_key(|(_, dial)| dial.due_at())?;
        dial.state = State::Dialing;
        Some((target.clone(), dial.addresses.clone()))
    }

    /// It could not be reached. Returns when it is tried again, if it is, and how often in a row it failed.
    pub(crate) fn failed(&mut self, target: &Target, now: Duration) -> Option<(Duration, u32)> {
        let dice = self.roll();
        let dial = self.dials.get_mut(target)?;
        let pause = pause(&self.limits, dial.failures, dice);
        dial.failures = dial.failures.saturating_add(1);
        dial.state = State::Due(now + pause);
        (!dial.gone).then_some((pause, dial.failures))
    }

    /// It leads to this key, which is connected now, by this address or another.
    pub(crate) fn met(&mut self, target: &Target, key: KeyBytes) {
        if let Some(dial) = self.dials.get_mut(target) {
            dial.state = State::Met(key);
        }
    }

    /// An announcement led to this program itself.
    pub(crate) fn forget(&mut self, target: &Target) {
        if let Some(dial) = self.dials.get_mut(target) {
            dial.state = State::Own;
        }
    }

    /// Whoever has this key is connected no more; the connection lasted so long.
    pub(crate) fn ended(&mut self, key: &KeyBytes, lasted: Duration, now: Duration) {
        let dice = self.roll();
        self.dials.retain(|_, dial| !dial.gone || dial.state != State::Met(*key));
        for dial in self.dials.values_mut().filter(|dial| dial.state == State::Met(*key)) {
            let failures = if lasted >= self.limits.steady_after { 0 } else { dial.failures };
            dial.state = State::Due(now + pause(&self.limits, failures, dice));
            dial.failures = failures.saturating_add(1);
        }
    }

    /// The next of a row of numbers that others need not be able to guess, but had better not share (splitmix64).
    fn roll(&mut self) -> u32 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.dice ^ (self.dice >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 32) as u32
    }
}

const fn new(addresses: Vec<SocketAddr>, at: Duration) -> Dial {
    Dial { addresses, state: State::Due(at), failures: 0, gone: false }
}

impl Dial {
    const fn due_at(&self) -> Option<Duration> {
        match self.state {
            State::Due(at) => Some(at),
            State::Dialing | State::Met(_) | State::Own => None,
        }
    }
}

#[cfg(test)]
mod tests;
