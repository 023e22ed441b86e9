use proptest::prelude::*;

use super::*;

const SMALL: KeyBytes = [1; 32];
const LARGE: KeyBytes = [2; 32];

fn terms(dialed: bool, number: i64, instance: u8) -> Terms {
    Terms { dialed, number, instance: [instance; 16] }
}

#[test]
fn the_connection_that_the_smaller_key_dialled_stays() {
    for first_dialed in [true, false] {
        let mut registry = Registry::new(SMALL);
        registry.hold(LARGE, 1, terms(first_dialed, 9, 1), Duration::ZERO);
        let verdict = registry.judge(&LARGE, &terms(!first_dialed, 1, 1));
        assert_eq!(verdict, if first_dialed { Verdict::Loses } else { Verdict::Replaces(1) });
    }
}

#[test]
fn of_one_dialler_that_of_the_greater_number_stays_whichever_comes_first() {
    for (held, comes, verdict) in
        [(1, 2, Verdict::Replaces(7)), (2, 1, Verdict::Loses), (2, 2, Verdict::Loses)]
    {
        let mut registry = Registry::new(SMALL);
        registry.hold(LARGE, 7, terms(false, held, 1), Duration::ZERO);
        assert_eq!(registry.judge(&LARGE, &terms(false, comes, 1)), verdict);
    }
}

#[test]
fn who_restarted_replaces_what_it_had_and_what_is_late_of_it_does_not() {
    let mut registry = Registry::new(SMALL);
    registry.hold(LARGE, 1, terms(true, 9, 1), Duration::ZERO);
    let restarted = terms(false, 1, 2);
    assert_eq!(registry.judge(&LARGE, &restarted), Verdict::Replaces(1));
    registry.hold(LARGE, 2, restarted, Duration::ZERO);
    assert_eq!(registry.judge(&LARGE, &terms(true, 10, 1)), Verdict::Loses);
}

#[test]
fn what_ended_makes_room_and_tells_how_long_it_lasted() {
    let mut registry = Registry::new(SMALL);
    registry.hold(LARGE, 1, terms(true, 1, 1), Duration::from_secs(5));
    assert_eq!(registry.ended(2, Duration::from_secs(9)), None);
    assert_eq!(registry.ended(1, Duration::from_secs(9)), Some((LARGE, Duration::from_secs(4))));
    assert_eq!(registry.judge(&LARGE, &terms(true, 1, 1)), Verdict::First);
}

/// Where a connection stands at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Its handshake is going on.
    Shaking,
    Held,
    Closed,
}

#[derive(Debug)]
struct Wire {
    dialler: usize,
    number: i64,
    at: [At; 2],
    /// One end is gone, and the other does not learn of it: no byte comes any more.
    silent: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Dial(usize),
    Finish(usize, usize),
    SeeItClosed(usize, usize),
    Restart(usize),
}

/// Two programs, and all connections that there ever were between them.
#[derive(Debug)]
struct World {
    ends: [Registry; 2],
    instances: [u8; 2],
    numbers: [i64; 2],
    wires: Vec<Wire>,
    dials: [usize; 2],
    restarts: [usize; 2],
}

impl World {
    fn new(dials: [usize; 2], restarts: [usize; 2]) -> Self {
        let ends = [Registry::new(SMALL), Registry::new(LARGE)];
        Self { ends, instances: [10, 20], numbers: [0; 2], wires: Vec::new(), dials, restarts }
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for end in 0..2 {
            if self.restarts[end] > 0 {
                steps.push(Step::Restart(end));
            }
            if self.dials[end] > 0 {
                steps.push(Step::Dial(end));
            }
            for (index, wire) in self.wires.iter().enumerate() {
                // What the other end said before it closed may still be read, or not.
                if wire.at[end] == At::Shaking {
                    steps.push(Step::Finish(index, end));
                }
                if wire.at[end] != At::Closed && wire.at[1 - end] == At::Closed && !wire.silent {
                    steps.push(Step::SeeItClosed(index, end));
                }
            }
        }
        steps
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Dial(end) => {
                self.dials[end] -= 1;
                self.numbers[end] += 1;
                let held = self.ends[end].held.contains_key(&[LARGE, SMALL][end]);
                let number = if held { -self.numbers[end] } else { self.numbers[end] };
                self.wires.push(Wire { dialler: end, number, at: [At::Shaking; 2], silent: false });
            }
            Step::Finish(index, end) => {
                let key = [LARGE, SMALL][end];
                let wire = &self.wires[index];
                let instance = [self.instances[1 - end]; 16];
                let terms = Terms { dialed: wire.dialler == end, number: wire.number, instance };
                match self.ends[end].judge(&key, &terms) {
                    Verdict::Loses => return self.wires[index].at[end] = At::Closed,
                    Verdict::Replaces(other) => {
                        self.wires[usize::try_from(other).unwrap()].at[end] = At::Closed
                    }
                    Verdict::First => {}
                }
                self.wires[index].at[end] = At::Held;
                self.ends[end].hold(key, index as Id, terms, Duration::ZERO);
            }
            Step::SeeItClosed(index, end) => {
                self.wires[index].at[end] = At::Closed;
                self.ends[end].ended(index as Id, Duration::ZERO);
            }
            Step::Restart(end) => {
                self.restarts[end] -= 1;
                self.dials[end] += 1;
                self.instances[end] += 1;
                self.numbers[end] = 0;
                self.ends[end] = Registry::new([SMALL, LARGE][end]);
                for wire in &mut self.wires {
                    let shaking = wire.at[1 - end] == At::Shaking;
                    wire.at[end] = At::Closed;
                    if shaking {
                        wire.at[1 - end] = At::Closed;
                    }
                    wire.silent = true;
                }
            }
        }
    }

    fn held(&self, end: usize) -> Vec<usize> {
        let held = self.wires.iter().enumerate().filter(|(_, wire)| wire.at[end] == At::Held);
        held.map(|(index, _)| index).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn two_ends_end_with_exactly_one_and_the_same_connection_in_any_order_of_events(
        dials in [1..5_usize, 0..5_usize],
        restarts in [0..3_usize, 0..3_usize],
        choices in prop::collection::vec(any::<usize>(), 200),
    ) {
        let mut world = World::new(dials, restarts);
        for choice in choices {
            let steps = world.steps();
            if steps.is_empty() {
                break;
            }
            world.take(steps[choice % steps.len()]);
            for end in 0..2 {
                prop_assert!(world.held(end).len() <= 1, "{world:?}");
            }
        }
        prop_assert!(world.steps().is_empty(), "it settles");
        let held = world.held(0);
        prop_assert_eq!(held.len(), 1, "{:?}", world);
        prop_assert_eq!(held, world.held(1));
    }
}
