//! What happens in a history.

use std::collections::BTreeSet;
use std::time::Duration;

use hyperlog::{Change, Doc, Durability, Link as To, NodeId};
use replicate::sim::{At, Cut, Dice, Faults, Side};
use replicate::{Limits, Mode, Options, Wants};

use crate::link::{Link, Plan};
use crate::place::{Crash, Place};
use crate::world::{Checked, LINKS_MAX, World};

/// Places at most, clones among them.
const PLACES_MAX: usize = 6;

/// Events of a history: so many at least, and so many more at most.
const EVENTS_MIN: u64 = 50;
const EVENTS_MORE: u64 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Append,
    Add,
    Batch,
    LargeBatch,
    BulkyBatch,
    Flush,
    Delete,
    Connect,
    Stop,
    Abort,
    Wait,
    Cut,
    Stall,
    Crash,
    Restart,
    BackUp,
    Restore,
    Clone,
}

/// How often each happens.
const WEIGHTS: [(Event, u64); 18] = [
    (Event::Append, 24),
    (Event::Add, 14),
    (Event::Batch, 8),
    (Event::LargeBatch, 1),
    (Event::BulkyBatch, 1),
    (Event::Flush, 4),
    (Event::Delete, 5),
    (Event::Connect, 22),
    (Event::Stop, 4),
    (Event::Abort, 1),
    (Event::Wait, 3),
    (Event::Cut, 4),
    (Event::Stall, 3),
    (Event::Crash, 5),
    (Event::Restart, 2),
    (Event::BackUp, 3),
    (Event::Restore, 3),
    (Event::Clone, 2),
];

/// What is special about a history.
struct Taste {
    weights: Vec<(Event, u64)>,
    /// How long things take: what happens between two events.
    pace: Duration,
    buffered: u64,
    large_left: u64,
}

impl Taste {
    /// Histories that leave some things out, and do others often, go further than those that do a little of all.
    fn new(dice: &mut Dice) -> Self {
        let weights = WEIGHTS.map(|(event, weight)| {
            let times = match event {
                Event::Append | Event::Connect => 4,
                Event::LargeBatch => [0, 0, 2, 4][dice.place(4)],
                Event::BulkyBatch => u64::from(dice.chance(1)) * 4,
                Event::Delete | Event::Stall | Event::Restore | Event::Clone => [0, 0, 4, 8][dice.place(4)],
                _ => [0, 4, 4, 8][dice.place(4)],
            };
            (event, weight * times)
        });
        Self {
            weights: weights.to_vec(),
            pace: Duration::from_millis([5, 30, 200][dice.place(3)]),
            buffered: [0, 50, 90][dice.place(3)],
            large_left: 2,
        }
    }

    fn is_bulky(&self) -> bool {
        self.weights.iter().any(|(event, weight)| *event == Event::BulkyBatch && *weight > 0)
    }

    fn event(&self, dice: &mut Dice) -> Event {
        let mut at = dice.below(self.weights.iter().map(|(_, weight)| weight).sum());
        for (event, weight) in &self.weights {
            if at < *weight {
                return *event;
            }
            at -= weight;
        }
        Event::Append
    }
}

impl World {
    /// All that happens before everything heals.
    pub(crate) fn live(&mut self) -> Checked {
        let mut taste = Taste::new(&mut self.dice);
        self.wide = taste.is_bulky();
        for _ in 0..EVENTS_MIN + self.dice.below(EVENTS_MORE + 1) {
            let event = taste.event(&mut self.dice);
            self.happen(event, &mut taste)?;
            let pause = self.dice.time(taste.pace);
            self.pass(pause)?;
        }
        Ok(())
    }

    fn happen(&mut self, event: Event, taste: &mut Taste) -> Checked {
        self.mix.events += 1;
        let place = self.any_place();
        self.trace.say(format_args!("{:?} {event:?} at {place}", self.now));
        let durability =
            if self.dice.chance(taste.buffered) { Durability::Buffered } else { Durability::Synced };
        match event {
            Event::Append => self.append(place, durability),
            Event::Add => self.add(place, durability),
            Event::Batch => {
                let count = 2 + self.dice.below(7);
                self.batch(place, durability, count, 20)
            }
            Event::LargeBatch if taste.large_left > 0 => {
                taste.large_left -= 1;
                self.mix.large += 1;
                let count = 200 + self.dice.below(400);
                self.batch(place, durability, count, 4)
            }
            Event::BulkyBatch if taste.large_left > 0 => {
                taste.large_left = 0;
                self.mix.bulky += 1;
                self.batch(place, durability, 9, 300_000)
            }
            Event::LargeBatch | Event::BulkyBatch => Ok(()),
            Event::Flush => self.places[place].flush(),
            Event::Delete => self.delete(place),
            Event::Connect => self.connect_any(),
            Event::Stop => self.stop(),
            Event::Abort => self.abort(),
            Event::Wait => self.wait(),
            Event::Cut => self.cut(),
            Event::Stall => self.stall(),
            Event::Crash => self.crash(place),
            Event::Restart => self.restart(place),
            Event::BackUp => self.places[place].back_up(),
            Event::Restore => self.restore(place),
            Event::Clone => self.clone_writer(place),
        }
    }

    // ---- writing ----

    fn value(&mut self, max: usize) -> String {
        let length = self.dice.up_to(max);
        // Each value is another one, or a node that is written again would be the same node.
        let mut value = format!("{:x} ", self.dice.roll());
        value.extend(std::iter::repeat_n('.', length));
        value
    }

    fn note_written(&mut self, place: usize, added: Option<usize>) {
        self.mix.nodes += added.unwrap_or(0) as u64;
        self.trace.say(format_args!("{:?} {place} wrote {added:?}", self.now));
    }

    pub(crate) fn append(&mut self, place: usize, durability: Durability) -> Checked {
        let value = self.value(40);
        let added = self.places[place].write(durability, |log| Ok(vec![log.append(value)?]))?;
        self.note_written(place, added);
        Ok(())
    }

    fn any_node(&mut self, place: usize) -> Result<Option<NodeId>, String> {
        let last = self.places[place].log().last().0;
        if last == 0 {
            return Ok(None);
        }
        let change = Change(1 + self.dice.below(last));
        Ok(Some(self.places[place].node(change)?.id))
    }

    fn add(&mut self, place: usize, durability: Durability) -> Checked {
        let mut links = Vec::new();
        for _ in 0..self.dice.below(4) {
            links.extend(self.any_node(place)?);
        }
        let value = self.value(40);
        let added = self.places[place].write(durability, |log| Ok(vec![log.add(&links, value)?]))?;
        self.note_written(place, added);
        Ok(())
    }

    fn batch(&mut self, place: usize, durability: Durability, count: u64, value_max: usize) -> Checked {
        self.mix.batches += 1;
        let mut docs: Vec<Doc<String>> = Vec::new();
        for n in 0..count {
            let mut links = Vec::new();
            if n > 0 && self.dice.chance(70) {
                links.push(To::Doc(self.dice.place(docs.len())));
            }
            if self.dice.chance(5) {
                links.extend(self.any_node(place)?.map(To::Node));
            }
            let value = if value_max > 1_000 { ".".repeat(value_max / 2) } else { String::new() };
            docs.push(Doc { links, value: value + &self.value(value_max) });
        }
        let added = self.places[place].write(durability, |log| log.batch(docs))?;
        self.note_written(place, added);
        Ok(())
    }

    fn delete(&mut self, place: usize) -> Checked {
        let Some(id) = self.node_to_delete(place)? else { return Ok(()) };
        self.mix.deleted += 1;
        self.places[place].delete(id)
    }

    /// Often one whose value is just being asked for.
    fn node_to_delete(&mut self, place: usize) -> Result<Option<NodeId>, String> {
        let pending = self.places[place].log().pending().next().transpose();
        let pending = pending.map_err(|error| format!("what is missing cannot be listed: {error}"))?;
        match pending.filter(|_| self.dice.chance(40)) {
            Some(id) => Ok(Some(id)),
            None => self.any_node(place),
        }
    }

    // ---- sessions ----

    fn connect_any(&mut self) -> Checked {
        if self.links.len() >= LINKS_MAX {
            return Ok(());
        }
        let a = self.any_place();
        let b = (a + 1 + self.dice.place(self.places.len() - 1)) % self.places.len();
        let modes = match self.dice.below(10) {
            0 => [self.any_mode(), self.any_mode()],
            1 => [Mode::Push, Mode::Sync],
            2 => [Mode::Sync, Mode::Pull],
            _ => [Mode::Sync; 2],
        };
        let live = if self.dice.chance(40) { [true; 2] } else { [self.dice.chance(20), false] };
        let plan = Plan { modes, live, declines: self.dice.chance(5) };
        let limits = self.limits();
        let mut options = [0, 1].map(|n| Options::default().mode(modes[n]).live(live[n]).limits(limits));
        if plan.declines {
            let writer = self.any_place();
            let writer = *self.places[writer].writer().as_bytes();
            options[0] = options[0].clone().wants(Wants::Without(BTreeSet::from([writer])));
        }
        let faults = self.faults();
        self.connect([a, b], plan, options, &faults)
    }

    fn any_mode(&mut self) -> Mode {
        [Mode::Sync, Mode::Push, Mode::Pull][self.dice.place(3)]
    }

    /// Mostly those that everybody has, sometimes tiny ones, so that a few tips are many.
    fn limits(&mut self) -> Limits {
        let mut limits = if self.dice.chance(50) { Limits::on_a_socket() } else { Limits::default() };
        if self.dice.chance(30) {
            limits.tips_at_once = self.dice.place(3);
            limits.tips_per_range = 1;
            limits.parts = 2;
            limits.points_per_message = 1 + self.dice.place(3);
            limits.ids_per_ask = 1 + self.dice.place(3);
        }
        limits
    }

    fn faults(&mut self) -> Faults {
        let dice = &mut self.dice;
        let mut capacity = dice.up_to(64 << 10);
        if self.wide {
            capacity = capacity.max(4 << 10);
        }
        // However narrow, it carries more a second than the sessions insist on.
        let latency_max = Duration::from_micros(100 * capacity as u64).min(Duration::from_millis(20));
        let speaker = if dice.chance(50) { Side::A } else { Side::B };
        let at = match dice.below(10) {
            0..3 => Some(At::Group(dice.below(3))),
            3 => Some(At::Byte(dice.up_to(10_000) as u64)),
            _ => None,
        };
        Faults {
            piece_max: dice.up_to(64 << 10),
            latency_max,
            capacity,
            closes_early: dice.chance(50),
            cut: at.map(|at| Cut { speaker, at }),
        }
    }

    fn any_side(&mut self) -> Side {
        if self.dice.chance(50) { Side::A } else { Side::B }
    }

    fn stop(&mut self) -> Checked {
        let side = self.any_side();
        if let Some(link) = self.any_link() {
            link.wire.stop(side);
        }
        Ok(())
    }

    fn abort(&mut self) -> Checked {
        let side = self.any_side();
        if let Some(link) = self.any_link() {
            link.abort(side);
        }
        Ok(())
    }

    fn cut(&mut self) -> Checked {
        let side = self.any_side();
        if let Some(link) = self.any_link() {
            link.wire.cut(side);
        }
        Ok(())
    }

    /// Long enough that somebody notices, or not.
    fn stall(&mut self) -> Checked {
        let side = self.any_side();
        let both = self.dice.chance(50);
        let until = self.now + Duration::from_secs(1 + self.dice.below(120));
        let Some(link) = self.any_link() else { return Ok(()) };
        link.wire.stall(side, until);
        if both {
            link.wire.stall(side.other(), until);
        }
        if self.dice.chance(60) { self.wait() } else { Ok(()) }
    }

    fn wait(&mut self) -> Checked {
        let time = Duration::from_secs(1 + self.dice.below(100));
        self.trace.say(format_args!("{:?} wait for {time:?}", self.now));
        self.pass(time)
    }

    // ---- what befalls a place ----

    fn crash(&mut self, place: usize) -> Checked {
        self.mix.crashes += 1;
        let unsynced = self.places[place].level.unsynced();
        let crash = Crash { keep: self.dice.place(unsynced + 1) };
        self.trace.say(format_args!("{:?} {crash:?} of {unsynced}", self.now));
        self.drop_sessions(place);
        self.places[place].crash(crash)?;
        self.bury()?;
        self.check_shown(place)
    }

    /// What others have of this writer it has itself: nothing is shown that a crash can take.
    fn check_shown(&self, place: usize) -> Checked {
        let this = &self.places[place];
        let writer = this.writer();
        if self.cloned.contains(&writer) || !this.may_write() {
            return Ok(());
        }
        for other in &self.places {
            for tip in other.log().tips().iter().filter(|tip| tip.writer == writer) {
                if !this.has(&tip.id)? {
                    return Err(format!("entry {} of place {place} was shown, and is gone there", tip.seq));
                }
            }
        }
        Ok(())
    }

    fn restart(&mut self, place: usize) -> Checked {
        self.mix.restarts += 1;
        self.drop_sessions(place);
        self.bury()?;
        // Who is over is not buried until the other side is, and holds the log.
        self.places[place].restart()?;
        self.check_shown(place)
    }

    fn restore(&mut self, place: usize) -> Checked {
        let Some(backup) = self.places[place].backup.clone() else { return self.places[place].back_up() };
        self.mix.restored += 1;
        self.drop_sessions(place);
        self.bury()?;
        self.places[place].restore(&backup)?;
        self.mix.behind += u64::from(!self.places[place].may_write());
        Ok(())
    }

    fn clone_writer(&mut self, place: usize) -> Checked {
        if self.places.len() >= PLACES_MAX {
            return Ok(());
        }
        let old = self.places[place].backup.clone().filter(|_| self.dice.chance(40));
        let clone: Place = self.places[place].clone_writer(old.as_ref())?;
        self.cloned.insert(clone.writer());
        self.places.push(clone);
        self.mix.clones += 1;
        Ok(())
    }
}

impl Link {
    /// Whether both sides go on for good, unless something happens to them.
    pub(crate) fn lasts(&self) -> bool {
        self.plan.live == [true; 2] && self.aborted == [false; 2] && self.crashed == [false; 2]
    }
}
