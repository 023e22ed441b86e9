//! Checks a whole log: hashes every entry again, verifies every stored signature and every group, builds
//! every index anew and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use level::Order;

use crate::chains::Chains;
use crate::entry::{BranchNo, Entry, Lineage, Value};
use crate::error::Error;
use crate::header::{Header, UNIT_BYTES};
use crate::identity;
use crate::ids::{Change, EntryId, Seq};
use crate::log::Log;
use crate::store::Store;

/// Something in a log that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The entry of the local order where it shows; 0 for the log as a whole.
    pub change: Change,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.change {
            Change(0) => f.write_str(&self.what),
            change => write!(f, "entry {change}: {}", self.what),
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// Entries that were looked at.
    pub entries: u64,
    /// Groups that they form.
    pub groups: u64,
    /// Signatures that were verified.
    pub signatures: u64,
    /// Values that were deleted here.
    pub deleted: u64,
    /// Values that are not here yet.
    pub pending: u64,
    /// Values that the layer above has no use for.
    pub unwanted: u64,
    /// What is wrong, at most `Limits::problems_max` of it.
    pub problems: Vec<Problem>,
    /// How much is wrong in all.
    pub problems_total: u64,
}

impl Checked {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.problems_total == 0
    }

    /// Adds a problem, for layers above that check more.
    pub fn add(&mut self, limits: &crate::Limits, change: Change, what: impl Into<String>) {
        self.problems_total += 1;
        if self.problems.len() < limits.problems_max {
            self.problems.push(Problem { change, what: what.into() });
        }
    }
}

impl Log {
    /// Checks everything. Reads the whole log; a hash an entry, about 40 µs a signature. Appends wait.
    ///
    /// # Errors
    ///
    /// When the store cannot be read at all. What is merely wrong is in [`Checked::problems`].
    pub fn fsck(&self) -> Result<Checked, Error> {
        self.fsck_with(|_, _| {})
    }

    /// As [`fsck`](Self::fsck), with more to check.
    ///
    /// `each` sees every entry that decodes, in local order; it may add problems of its own. It may look entries
    /// up by id or number; other calls to the log may wait for the end of the check, and so for ever.
    ///
    /// # Errors
    ///
    /// As [`fsck`](Self::fsck).
    pub fn fsck_with(&self, mut each: impl FnMut(&Entry, &mut Checked)) -> Result<Checked, Error> {
        self.while_nobody_writes(|chains, last| {
            let mut check = Check::new(self, chains);
            for change in (1..=last.0).map(Change) {
                // One by one: a row that does not decode must not hide the rows behind it.
                match self.inner.store.by_change(change) {
                    Ok(Some(entry)) => {
                        check.entry(&entry)?;
                        each(&entry, &mut check.found);
                    }
                    Ok(None) => check.unreadable(change, "is missing"),
                    Err(error @ Error::Damaged { .. }) => check.unreadable(change, error.to_string()),
                    Err(error) => return Err(error),
                }
            }
            check.finish(last)
        })
    }

    /// The bounds of this log.
    #[must_use]
    pub fn limits(&self) -> &crate::Limits {
        &self.inner.limits
    }
}

struct Check<'a> {
    log: &'a Log,
    chains: &'a Chains,
    found: Checked,
    /// Entries of the group at hand.
    group: Vec<Entry>,
    /// The end of each branch so far, and the stretches that it took.
    ends: BTreeMap<BranchNo, (Seq, EntryId, Change)>,
    stretches: BTreeSet<(BranchNo, Seq, Change)>,
    pending: BTreeSet<Change>,
    /// The local order so far; none behind what could not be read.
    lineage: Option<Lineage>,
}

impl<'a> Check<'a> {
    fn new(log: &'a Log, chains: &'a Chains) -> Self {
        Self {
            log,
            chains,
            found: Checked::default(),
            group: Vec::new(),
            ends: BTreeMap::new(),
            stretches: BTreeSet::new(),
            pending: BTreeSet::new(),
            lineage: Some(Lineage::default()),
        }
    }

    fn store(&self) -> &'a Store {
        &self.log.inner.store
    }

    fn problem(&mut self, change: Change, what: impl Into<String>) {
        self.found.add(&self.log.inner.limits, change, what);
    }

    fn unreadable(&mut self, change: Change, what: impl Into<String>) {
        self.problem(change, what);
        self.lineage = None;
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), Error> {
        self.found.entries += 1;
        self.hashes(entry);
        self.lineage(entry);
        self.id_row(entry)?;
        self.chain(entry)?;
        self.group.push(entry.clone());
        if entry.ends_group() {
            self.end_group();
        }
        Ok(())
    }

    fn hashes(&mut self, entry: &Entry) {
        if entry.header().id() != entry.id() {
            self.problem(entry.change(), "its id is not the hash of its header");
        }
        match entry.value() {
            Value::Here(value) if Header::hash_value(value) != entry.header().value_hash => {
                self.problem(entry.change(), "its value is not the one that its header names");
            }
            Value::Here(_) => {}
            Value::Deleted => self.found.deleted += 1,
            Value::Unwanted => self.found.unwanted += 1,
            Value::Pending => {
                self.found.pending += 1;
                self.pending.insert(entry.change());
            }
        }
    }

    /// Rows of before it was kept begin it anew.
    fn lineage(&mut self, entry: &Entry) {
        let expected = self.lineage.map(|lineage| lineage.then(&entry.id()));
        if entry.lineage.is_some() && expected.is_some_and(|expected| expected != entry.lineage()) {
            self.problem(entry.change(), "its digest of the local order is another");
        }
        self.lineage = Some(entry.lineage());
    }

    fn id_row(&mut self, entry: &Entry) -> Result<(), Error> {
        match self.store().change_of(&entry.id()) {
            Ok(Some(change)) if change == entry.change() => {}
            Ok(_) | Err(Error::Damaged { .. }) => self.problem(entry.change(), "its id leads elsewhere"),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The entry must continue its branch, or start it where the table of branches says.
    fn chain(&mut self, entry: &Entry) -> Result<(), Error> {
        let (no, seq, change) = (entry.branch, entry.seq(), entry.change());
        let before = match self.ends.get(&no) {
            Some((seq, id, change)) => Some((*seq, *id, *change)),
            None => self.root_of(entry)?,
        };
        let continues = match before {
            Some((before, id, _)) => {
                before.0.checked_add(1) == Some(seq.0) && entry.header().prev == Some(id)
            }
            None => seq.0 == 1 && entry.header().prev.is_none(),
        };
        if !continues {
            self.problem(change, "does not continue its branch");
        }
        let on_branch = self.ends.insert(no, (seq, entry.id(), change));
        if on_branch.is_none_or(|(_, _, before)| before.0 + 1 != change.0) {
            self.stretches.insert((no, seq, change));
        }
        Ok(())
    }

    fn root_of(&mut self, entry: &Entry) -> Result<Option<(Seq, EntryId, Change)>, Error> {
        let Some(branch) = self.chains.get(entry.branch).filter(|branch| branch.writer == entry.writer())
        else {
            self.problem(entry.change(), "lies on a branch that its writer does not have");
            return Ok(None);
        };
        let Some((root, shared)) = branch.root else { return Ok(None) };
        let stored = entry.header().prev.map(|prev| self.store().by_id(&prev)).transpose();
        match readable(stored)?.flatten().flatten() {
            Some(prev) if prev.branch == root && prev.seq() == shared && prev.change() < entry.change() => {
                Ok(Some((shared, prev.id(), prev.change())))
            }
            _ => {
                self.problem(entry.change(), "does not grow from where its branch says");
                Ok(None)
            }
        }
    }

    /// Every entry of a group is covered, and every stored signature is a verified one.
    fn end_group(&mut self) {
        let group = std::mem::take(&mut self.group);
        self.found.groups += 1;
        let Some(last) = group.last().map(Entry::change) else { return };
        if group.iter().map(|entry| entry.header().size()).sum::<usize>() > UNIT_BYTES {
            self.problem(last, "ends a group that is too large");
        }
        let followed: BTreeSet<EntryId> = group.iter().filter_map(|entry| entry.header().prev).collect();
        for entry in &group {
            match entry.signature() {
                None if !followed.contains(&entry.id()) => {
                    self.problem(entry.change(), "no signature covers it")
                }
                None => {}
                Some(signature) => {
                    self.found.signatures += 1;
                    if !identity::verify(&entry.writer(), &entry.id(), signature) {
                        self.problem(entry.change(), "its signature is not its writer's");
                    }
                }
            }
        }
    }

    fn finish(mut self, last: Change) -> Result<Checked, Error> {
        let log = Change(0);
        if !self.group.is_empty() {
            self.problem(last, "the last group has no end");
        }
        for (no, branch) in self.chains.iter() {
            let tip = (branch.tip_seq, branch.tip_id, branch.tip_change);
            if self.ends.get(&no) != Some(&tip) {
                self.problem(log, format!("branch {} of {} ends elsewhere", no.0, branch.writer));
            }
        }
        if readable(self.store().stretches().collect())?.as_ref() != Some(&self.stretches) {
            self.problem(log, "the index by number differs from the entries");
        }
        if readable(self.store().pending().collect())?.as_ref() != Some(&self.pending) {
            self.problem(log, "the list of missing values differs from the entries");
        }
        if self.store().count_ids()? != last.0 {
            self.problem(log, "there are more or fewer ids than entries");
        }
        if self.store().entries(Change(last.0 + 1), Change(u64::MAX), Order::Ascending).next().is_some() {
            self.problem(log, "there are entries behind the last one");
        }
        Ok(self.found)
    }
}

/// What could be read; none when it is damaged, which is for the list of problems.
fn readable<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
