//! Catching up with the log, a commit at a time.

use bytes::Bytes;
use hyperlog::{Change, Fingerprint, Hyperlog, Node, Read};
use level::{Batch, Sub};

use crate::error::Error;
use crate::index::Inner;
use crate::layout::{CURSOR, Cursor};
use crate::mapper::Mapper;
use crate::view::View;

/// How far a view is in memory, which the store says, too.
#[derive(Debug)]
pub(crate) struct State {
    /// How far the rows are; none when there are no rows.
    pub(crate) cursor: Option<Cursor>,
    /// The epoch of the rows: what the log's fingerprint said when they were begun.
    pub(crate) begun: Fingerprint,
    /// Why the rows are, or have to be, built anew. None once they have caught up.
    pub(crate) rebuild: Option<Rebuild>,
    /// The rows were thrown away for that reason, and are being built.
    pub(crate) building: bool,
    /// How often they were begun once more, because another epoch began meanwhile.
    pub(crate) restarts: u32,
}

/// After so many, building goes on to its end whatever becomes of stored nodes meanwhile; the next read begins anew. A
/// stranger who lets values trickle in could keep a read from ever ending otherwise.
const RESTARTS_MAX: u32 = 2;

/// Why a view is built anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rebuild {
    /// The view has another version than its rows.
    Version {
        /// That of the rows.
        from: u32,
        /// That of the view.
        to: u32,
    },
    /// The rows were made of another log, or of a part of this one that a crash took.
    OtherLog,
    /// Nodes count that did not, or do not any more; or values came or went.
    Epoch,
    /// The row that says how far the view is cannot be read.
    Damaged,
    /// Somebody asked for it.
    Asked,
}

impl std::fmt::Display for Rebuild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version { from, to } => write!(f, "version {to} of the view instead of {from}"),
            Self::OtherLog => f.write_str("it was made of another log"),
            Self::Epoch => f.write_str("what stored nodes amount to has changed"),
            Self::Damaged => f.write_str("its place in the log cannot be read"),
            Self::Asked => f.write_str("it was reset"),
        }
    }
}

/// How far a view is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Nodes that were looked at, in all.
    pub done: u64,
    /// Nodes that there were to look at when catching up began.
    pub total: u64,
    /// Why the view is being built anew, if it is.
    pub rebuild: Option<Rebuild>,
}

impl State {
    /// What the stored cursor says about rows of this log and version.
    pub(crate) fn load(log: &Hyperlog, row: Option<Bytes>, version: u32) -> Result<Self, Error> {
        let state = |cursor, begun, rebuild| Self { cursor, begun, rebuild, building: false, restarts: 0 };
        let nothing = log.fingerprint_of_nothing();
        let Some(row) = row else { return Ok(state(None, nothing, None)) };
        let Some(cursor) = Cursor::decode(row) else { return Ok(Self::damaged(log)) };
        let now = log.fingerprint(cursor.last)?;
        let rebuild = if cursor.version != version {
            Some(Rebuild::Version { from: cursor.version, to: version })
        } else if now.is_none_or(|now| !now.has_same_nodes(&cursor.log)) {
            Some(Rebuild::OtherLog)
        } else if now != Some(cursor.log) {
            Some(Rebuild::Epoch)
        } else {
            None
        };
        Ok(state(Some(cursor), cursor.log, rebuild))
    }

    /// Rows whose cursor cannot be read.
    pub(crate) fn damaged(log: &Hyperlog) -> Self {
        let begun = log.fingerprint_of_nothing();
        Self { cursor: None, begun, rebuild: Some(Rebuild::Damaged), building: false, restarts: 0 }
    }

    pub(crate) fn last(&self) -> Change {
        self.cursor.map_or(Change(0), |cursor| cursor.last)
    }
}

impl<V: View> Inner<V> {
    /// Maps the next nodes as one commit, unless somebody else did meanwhile. Tells how far that is.
    pub(crate) fn step(&self, target: (u64, Change)) -> Result<Option<Progress>, Error> {
        let mut state = self.state();
        if self.has_reached(target) {
            return Ok(None);
        }
        self.look_again(&mut state)?;
        self.begin(&mut state)?;
        let (nodes, fault) = self.fetch(state.last(), target.1);
        let mapped = self.map(&mut state, nodes);
        let progress =
            Progress { done: state.last().0, total: target.1.0.max(state.last().0), rebuild: state.rebuild };
        if state.last() >= target.1 {
            (state.rebuild, state.building, state.restarts) = (None, false, 0);
        }
        self.publish(&state);
        // What was mapped before a fault is kept, so faults come last.
        mapped?;
        fault.map_or(Ok(Some(progress)), Err)
    }

    /// Sees to it that the rows are of this epoch, or none.
    fn begin(&self, state: &mut State) -> Result<(), Error> {
        // Read before the nodes are: what changes meanwhile is noticed in the next step.
        let now = self.log.fingerprint_of_nothing();
        let is_another = now.epoch() != state.begun.epoch();
        if is_another && state.rebuild.is_none() && state.cursor.is_some() {
            state.rebuild = Some(Rebuild::Epoch);
        }
        match (state.rebuild, state.building) {
            (Some(_), true) if !is_another || state.restarts >= RESTARTS_MAX => {}
            (Some(why), building) => {
                tracing::info!(view = self.view.name(), %why, "building the view anew");
                let restarts = if building { state.restarts + 1 } else { 0 };
                self.throw_away(state)?;
                (state.begun, state.restarts) = (now, restarts);
            }
            // Rows of nothing are of any epoch.
            (None, _) if is_another && state.restarts < RESTARTS_MAX => {
                (state.begun, state.restarts) = (now, state.restarts + 1);
            }
            (None, _) => {}
        }
        Ok(())
    }

    /// Another index of the same view, which there should not be, may have moved the rows on: nothing is mapped twice
    /// then. One point read for a commit of any size.
    fn look_again(&self, state: &mut State) -> Result<(), Error> {
        if state.rebuild.is_some() {
            return Ok(());
        }
        let row = match self.level.get(*self.sub(), CURSOR) {
            Err(level::Error::Corrupt { .. }) => {
                *state = State::damaged(&self.log);
                return Ok(());
            }
            row => row?,
        };
        if row != state.cursor.map(|cursor| cursor.encode()) {
            *state = State::load(&self.log, row, self.view.version())?;
        }
        Ok(())
    }

    /// The nodes of the next commit; and why there are no more of them, if that is a fault.
    fn fetch(&self, since: Change, until: Change) -> (Vec<Node>, Option<Error>) {
        let (mut nodes, mut bytes) = (Vec::new(), 0);
        let what = Read::all().since(since).until(Change(until.0.saturating_add(1)));
        for node in self.log.changes(what) {
            let node = match node {
                Ok(node) => node,
                Err(error) => return (nodes, Some(error.into())),
            };
            bytes += node.value().map_or(0, Bytes::len);
            nodes.push(node);
            if nodes.len() >= self.limits.nodes || bytes >= self.limits.bytes {
                break;
            }
        }
        (nodes, None)
    }

    /// Maps nodes and commits what became of them, with the place of the last one.
    fn map(&self, state: &mut State, nodes: Vec<Node>) -> Result<(), Error> {
        let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else { return Ok(()) };
        let void = self.log.void_between(first.change, last.change)?;
        if self.is_outdated(state) {
            // The verdicts may be newer than what was mapped before them: the next step begins anew.
            return Ok(());
        }
        let sub = *self.sub();
        let mut mapper = Mapper { view: &self.view, stored: &*self.level, sub, void, batch: Batch::new() };
        let (mut done, mut fault) = (None, None);
        for node in nodes {
            let change = node.change;
            match mapper.map(node) {
                Ok(()) => done = Some(change),
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
            // A small node can make large rows of what lies beside it.
            if mapper.batch.bytes() >= self.limits.bytes {
                break;
            }
        }
        if let Some(last) = done {
            self.commit(state, sub, last, mapper.batch)?;
        }
        fault.map_or(Ok(()), Err)
    }

    /// Makes rows real, together with the place of the last node that they were made of.
    fn commit(&self, state: &mut State, sub: Sub, last: Change, mut batch: Batch) -> Result<(), Error> {
        let version = self.view.version();
        let Some(log) = self.log.fingerprint(last)? else { return Ok(()) };
        if self.is_outdated(state) {
            return Ok(());
        }
        let cursor = Cursor { version, last, log: log.as_of(&state.begun) };
        batch.put(sub, CURSOR, cursor.encode());
        self.apply(batch)?;
        state.cursor = Some(cursor);
        Ok(())
    }

    /// Whether another epoch began, and the rows are not to be finished all the same.
    fn is_outdated(&self, state: &State) -> bool {
        self.log.epoch() != state.begun.epoch() && state.restarts < RESTARTS_MAX
    }
}
