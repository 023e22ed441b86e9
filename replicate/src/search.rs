//! The search for the tips that differ.
//!
//! Tips are sorted by (writer, seq, id). Where both sides have few, both list them all at once. Else they take turns:
//! a range whose digests are equal is settled, another is split into parts by count, and a small one is listed by
//! both. So the cost follows the tips that differ, and not how many there are. (Range-based set reconciliation, Aljoscha
//! Meyer 2022.)

use std::collections::VecDeque;

use crate::digest::digest;
use crate::error::Cause;
use crate::list::List;
use crate::message::{Named, Range, Tips, What};
use crate::options::Limits;
use crate::point::{Key, PREFIX_BYTES, Point, Tip, prefix};

/// What a turn of the other side taught.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Both have these tips: places among ours.
    Common(std::ops::Range<usize>),
    /// The other has this tip.
    Theirs(Point),
}

/// The state of the search on one side.
#[derive(Debug)]
pub(crate) struct Search {
    turn: Turn,
    /// Few tips on both sides: each has one turn, and they cross.
    at_once: bool,
    /// What there is to say in our next turn.
    todo: VecDeque<Todo>,
    /// The turn at hand asks something, so another follows.
    asks: bool,
    /// Where the last range of the turn at hand ended; none for the end of all.
    reached: Option<Vec<u8>>,
    ranges: usize,
    turns: u32,
    /// Tips that the peer may still list.
    tips_left: u64,
    tips_said: u64,
    limits: Limits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Ours,
    Theirs,
    Over,
}

#[derive(Debug)]
struct Todo {
    from: Vec<u8>,
    to: Option<Vec<u8>>,
    what: Do,
}

#[derive(Clone, Copy, Debug)]
enum Do {
    Same,
    Digest,
    List { reply: bool },
}

/// A tip as bytes that sort as it does.
type SortKey = [u8; 32 + 8 + PREFIX_BYTES];

fn sort_key(tip: &Tip) -> SortKey {
    let mut key = [0; 32 + 8 + PREFIX_BYTES];
    let parts = tip.writer.into_iter().chain(tip.seq.to_be_bytes()).chain(prefix(&tip.id));
    key.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    key
}

/// The first tip at or above a bound.
fn place(tips: &[Tip], bound: &[u8]) -> usize {
    tips.partition_point(|tip| sort_key(tip).as_slice() < bound)
}

fn places(tips: &[Tip], from: &[u8], to: Option<&[u8]>) -> std::ops::Range<usize> {
    let start = place(tips, from);
    start..to.map_or(tips.len(), |to| place(tips, to)).max(start)
}

/// The shortest bytes that lie above one tip and not above the next.
fn bound_between(before: &Tip, after: &Tip) -> Vec<u8> {
    let (before, after) = (sort_key(before), sort_key(after));
    let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    after.get(..=same).unwrap_or(&after).to_vec()
}

impl Search {
    /// `ours` and `theirs` are the digests of all tips, which differ; `theirs_tips` is how many the other side says
    /// it has.
    pub(crate) fn new(
        tips: &[Tip],
        (ours, theirs): (&Key, &Key),
        theirs_tips: u64,
        limits: Limits,
    ) -> Result<Self, Cause> {
        if theirs_tips > limits.tips_max {
            return Err(Cause::TooManyTips { max: limits.tips_max });
        }
        let at_once = tips.len() <= limits.tips_at_once
            && usize::try_from(theirs_tips).is_ok_and(|n| n <= limits.tips_at_once);
        // Somebody has to begin, and nothing else tells the sides apart.
        let begins = at_once || ours < theirs;
        let mut search = Self {
            turn: if begins { Turn::Ours } else { Turn::Theirs },
            at_once,
            todo: VecDeque::new(),
            asks: false,
            reached: Some(Vec::new()),
            ranges: 0,
            turns: 0,
            tips_left: theirs_tips,
            tips_said: theirs_tips,
            limits,
        };
        if begins {
            search.answer(tips, Vec::new(), None, !at_once);
        }
        Ok(search)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.turn == Turn::Over
    }

    /// Whether the other side is to speak.
    pub(crate) fn waits(&self) -> bool {
        self.turn == Turn::Theirs
    }

    // ---- saying ----

    /// The next message of our turn; none when it is not ours.
    pub(crate) fn say(&mut self, tips: &[Tip]) -> Option<Tips> {
        if self.turn != Turn::Ours {
            return None;
        }
        let (mut ranges, mut points) = (Vec::new(), 0);
        while points < self.limits.points_per_message
            && ranges.len() < self.limits.points_per_message.div_ceil(4)
        {
            let Some(todo) = self.todo.pop_front() else { break };
            let (range, listed) = self.range(tips, todo, self.limits.points_per_message - points);
            points += listed;
            ranges.push(range);
        }
        let more = !self.todo.is_empty();
        if !more {
            self.end_turn();
        }
        Some(Tips { ranges: ranges.into(), more })
    }

    /// One range, and how many tips are listed in it. Of a list that is too long the rest is left to do.
    fn range(&mut self, tips: &[Tip], todo: Todo, room: usize) -> (Range, usize) {
        let Todo { from, mut to, what } = todo;
        let mut here = places(tips, &from, to.as_deref());
        let what = match what {
            Do::Same => What::Same,
            Do::Digest => What::Digest(short_digest(tips.get(here.clone()).unwrap_or_default())),
            Do::List { reply } => {
                if here.len() > room
                    && let Some([before, after]) = tips.get(here.start + room - 1..=here.start + room)
                {
                    let bound = bound_between(before, after);
                    self.todo.push_front(Todo { from: bound.clone(), to, what: Do::List { reply } });
                    here.end = here.start + room;
                    to = Some(bound);
                }
                let listed = tips.get(here.clone()).unwrap_or_default();
                What::List { tips: List(listed.iter().map(|tip| Named::from(tip.point())).collect()), reply }
            }
        };
        let listed = if matches!(what, What::List { .. }) { here.len() } else { 0 };
        self.asks |= matches!(what, What::Digest(_) | What::List { reply: true, .. });
        (Range { from: from.into(), to: to.map(Into::into), what }, listed)
    }

    // ---- hearing ----

    /// Takes a message of the other side's turn.
    pub(crate) fn hear(&mut self, tips: &[Tip], message: Tips) -> Result<Vec<Found>, Cause> {
        // Where both speak at once, theirs may come before ours was sent.
        let crossing = self.at_once && self.turn == Turn::Ours && self.turns == 0;
        if self.turn != Turn::Theirs && !crossing {
            return Err(invalid("words out of turn"));
        }
        if message.more && message.ranges.0.is_empty() {
            return Err(invalid("nothing in it"));
        }
        let mut found = Vec::new();
        for range in message.ranges.0 {
            self.hear_range(tips, range, &mut found)?;
        }
        if !message.more {
            self.turn_ended();
        }
        Ok(found)
    }

    fn hear_range(&mut self, tips: &[Tip], range: Range, found: &mut Vec<Found>) -> Result<(), Cause> {
        let Range { from, to, what } = range;
        let (from, to) = (from.0, to.map(|to| to.0));
        self.check(&from, to.as_deref())?;
        let here = places(tips, &from, to.as_deref());
        match what {
            What::Same => found.push(Found::Common(here)),
            What::Digest(_) if self.at_once => return Err(invalid("a digest where all tips are listed")),
            What::Digest(digest) => {
                if digest == short_digest(tips.get(here.clone()).unwrap_or_default()) {
                    found.push(Found::Common(here));
                    self.todo.push_back(Todo { from, to, what: Do::Same });
                } else {
                    self.answer(tips, from, to, true);
                }
            }
            What::List { tips: listed, reply } => {
                self.tips_left = self
                    .tips_left
                    .checked_sub(listed.0.len() as u64)
                    .ok_or(Cause::TooManyTips { max: self.tips_said })?;
                found.extend(listed.0.into_iter().map(|named| Found::Theirs(named.into())));
                if reply && !self.at_once {
                    self.todo.push_back(Todo { from, to, what: Do::List { reply: false } });
                }
            }
        }
        Ok(())
    }

    /// Ranges of a turn ascend, so that a turn costs no more than to go through our tips once.
    fn check(&mut self, from: &[u8], to: Option<&[u8]>) -> Result<(), Cause> {
        let reached = self.reached.take();
        let ascends =
            reached.is_some_and(|reached| from >= reached.as_slice()) && to.is_none_or(|to| from < to);
        let fits = |bound: &[u8]| bound.len() <= size_of::<SortKey>();
        if !ascends || !fits(from) || !to.is_none_or(fits) {
            return Err(invalid("ranges that do not ascend"));
        }
        self.reached = to.map(<[u8]>::to_vec);
        self.ranges += 1;
        if self.ranges > self.limits.ranges_max {
            return Err(invalid("too many ranges"));
        }
        Ok(())
    }

    /// What to say of a range that differs: a list when it is small here, else the digests of its parts.
    fn answer(&mut self, tips: &[Tip], from: Vec<u8>, to: Option<Vec<u8>>, reply: bool) {
        let here = places(tips, &from, to.as_deref());
        let n = here.len();
        if self.at_once || n <= self.limits.tips_per_range {
            self.todo.push_back(Todo { from, to, what: Do::List { reply } });
            return;
        }
        let parts = self.limits.parts.clamp(2, n);
        let mut from = from;
        for part in 1..=parts {
            let end = here.start + n * part / parts;
            let bound = if part == parts {
                to.clone()
            } else {
                tips.get(end - 1).zip(tips.get(end)).map(|(before, after)| bound_between(before, after))
            };
            let next = bound.clone().unwrap_or_default();
            self.todo.push_back(Todo {
                from: std::mem::replace(&mut from, next),
                to: bound,
                what: Do::Digest,
            });
        }
    }

    // ---- turns ----

    fn end_turn(&mut self) {
        let asked = std::mem::take(&mut self.asks);
        self.turn = if asked || (self.at_once && self.turns == 0) { Turn::Theirs } else { Turn::Over };
        self.begin_hearing();
    }

    fn turn_ended(&mut self) {
        self.turns += 1;
        if self.at_once {
            // Ours may not have been said yet.
            self.turn = if self.turn == Turn::Ours { Turn::Ours } else { Turn::Over };
            return;
        }
        self.turn = if self.todo.is_empty() { Turn::Over } else { Turn::Ours };
    }

    fn begin_hearing(&mut self) {
        self.reached = Some(Vec::new());
        self.ranges = 0;
    }

    /// Whether the other side has asked for longer than a search can take.
    pub(crate) fn is_endless(&self) -> bool {
        self.turns > self.limits.turns_max
    }
}

fn short_digest(tips: &[Tip]) -> [u8; PREFIX_BYTES] {
    prefix(&digest(tips))
}

const fn invalid(what: &'static str) -> Cause {
    Cause::Invalid { message: "Tips", what }
}
