//! A level that fails when it is told to.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;

use crate::{Batch, Durability, Error, KeyRange, Level, Order, Read, Rows, Sub};

/// What a level was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// A get, or the next row of a range; also of a snapshot.
    Read,
    /// A batch, also an empty one.
    Apply,
    /// Opening, creating, listing or removing a sub-level.
    Sub,
    /// Taking a snapshot.
    Snapshot,
}

/// A level that fails when it is told to, instead of doing what it was asked.
///
/// Operations are counted by kind, from 0. Clones share the counts and the plan, so a test keeps one and gives
/// the other away.
///
/// ```
/// use level::{Batch, Durability, Level, Memory, testing::{Failing, Operation}};
///
/// let level = Failing::new(Memory::new());
/// level.fail_once(Operation::Apply, 1);
/// assert!(level.apply(Batch::new(), Durability::Buffered).is_ok());
/// assert!(level.apply(Batch::new(), Durability::Buffered).is_err());
/// assert!(level.apply(Batch::new(), Durability::Buffered).is_ok());
/// assert_eq!(level.count(Operation::Apply), 3);
/// ```
#[derive(Clone)]
pub struct Failing<L> {
    level: L,
    plan: Plan,
}

type Decide = Box<dyn FnMut(Operation, u64) -> Option<Error> + Send>;

#[derive(Clone, Default)]
struct Plan(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    counts: BTreeMap<Operation, u64>,
    decide: Option<Decide>,
}

impl<L> Failing<L> {
    /// `level`, which does not fail yet.
    pub fn new(level: L) -> Failing<L> {
        Failing { level, plan: Plan::default() }
    }

    /// The `n`th operation of a kind from now on fails, with an error of the disk; those before and after it do
    /// not. Replaces the plan before.
    pub fn fail_once(&self, operation: Operation, n: u64) {
        let at = self.count(operation) + n;
        self.fail_when(move |kind, count| (kind == operation && count == at).then(broken));
    }

    /// The `n`th operation of a kind from now on fails, and every later one. Replaces the plan before.
    pub fn fail_from(&self, operation: Operation, n: u64) {
        let at = self.count(operation) + n;
        self.fail_when(move |kind, count| (kind == operation && count >= at).then(broken));
    }

    /// Fails with what `decide` answers to an operation and its number. Replaces the plan before.
    ///
    /// `decide` must not use this level.
    pub fn fail_when(&self, decide: impl FnMut(Operation, u64) -> Option<Error> + Send + 'static) {
        self.plan.lock(|inner| inner.decide = Some(Box::new(decide)));
    }

    /// No operation fails any more.
    pub fn heal(&self) {
        self.plan.lock(|inner| inner.decide = None);
    }

    /// How many operations of a kind there were, with those that failed.
    pub fn count(&self, operation: Operation) -> u64 {
        self.plan.lock(|inner| inner.counts.get(&operation).copied().unwrap_or(0))
    }
}

fn broken() -> Error {
    let source = io::Error::other("failed on purpose");
    Error::Io { doing: "use", path: "a level that fails on purpose".into(), source }
}

impl Plan {
    fn lock<T>(&self, with: impl FnOnce(&mut Inner) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts an operation, and fails it if that is the plan.
    fn pass(&self, operation: Operation) -> Result<(), Error> {
        self.lock(|inner| {
            let count = inner.counts.entry(operation).or_default();
            let number = *count;
            *count += 1;
            let error = inner.decide.as_mut().and_then(|decide| decide(operation, number));
            error.map_or(Ok(()), Err)
        })
    }

    /// Counts and fails the rows of a range; ends after an error.
    fn rows<'a>(&self, mut rows: Rows<'a>) -> Rows<'a> {
        let plan = self.clone();
        let mut ended = false;
        Box::new(std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let row = plan.pass(Operation::Read).map_or_else(|error| Some(Err(error)), |()| rows.next());
            ended = !matches!(row, Some(Ok(_)));
            row
        }))
    }
}

impl<L: fmt::Debug> fmt::Debug for Failing<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.plan.lock(|inner| inner.counts.clone());
        f.debug_struct("Failing").field("level", &self.level).field("counts", &counts).finish_non_exhaustive()
    }
}

impl<L: Read> Read for Failing<L> {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.plan.pass(Operation::Read)?;
        self.level.get(sub, key)
    }

    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
        self.plan.rows(self.level.range(sub, range, order))
    }
}

impl<L: Level> Level for Failing<L> {
    fn sub(&self, name: &str) -> Result<Sub, Error> {
        self.plan.pass(Operation::Sub)?;
        self.level.sub(name)
    }

    fn subs(&self) -> Result<Vec<String>, Error> {
        self.plan.pass(Operation::Sub)?;
        self.level.subs()
    }

    fn remove(&self, name: &str) -> Result<bool, Error> {
        self.plan.pass(Operation::Sub)?;
        self.level.remove(name)
    }

    fn apply(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
        self.plan.pass(Operation::Apply)?;
        self.level.apply(batch, durability)
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, Error> {
        self.plan.pass(Operation::Snapshot)?;
        Ok(Arc::new(Failing { level: self.level.snapshot()?, plan: self.plan.clone() }))
    }
}
