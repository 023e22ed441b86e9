//! A log with members.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyperlog::{
    Act, Binary, Change, Encoding, Hyperlog, Identity, IdentityError, Kind, Level, Memory, NodeId, OpenError,
    Options, StoredRows, WriterId,
};

use crate::error::{Error, FoundError};
use crate::key::ChannelKey;
use crate::members::{self, Grant, Member};
use crate::records::{self, Stretch, UNDER, damaged, key_of};
use crate::refused::DEPTH_MAX;
use crate::role::Role;
use crate::rules::{self, Writers};
use crate::value::{self, Genesis, KEEP_MAX};

/// A log that takes only what authorized writers write. Cheap to clone; all clones are one channel.
pub struct Channel<E = Binary> {
    log: Hyperlog<E>,
}

impl<E> Clone for Channel<E> {
    fn clone(&self) -> Self {
        Self { log: self.log.clone() }
    }
}

impl<E> std::fmt::Debug for Channel<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Channel").field(&self.log).finish()
    }
}

/// What a revocation keeps of what was written under the grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// What is here now. What is not here yet, wherever it hides, will not count.
    #[default]
    Here,
    /// These nodes, at most 16, and all that stands before them in the writer's log.
    Only(Vec<NodeId>),
}

/// What a revocation did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revoked {
    /// The node that revokes.
    pub id: NodeId,
    /// What it keeps, ascending: each of these, and all that stands before it in the writer's log.
    pub kept: Vec<NodeId>,
    /// Branches of the writer that there was no room to name, so they count no more.
    pub left_out: usize,
}

impl<E: Encoding> Channel<E> {
    /// Founds a channel in an empty level: `root` writes the genesis, and grants `founder` to be an admin. The
    /// key of the root is then to be kept where nobody finds it; whoever has it can revoke everybody.
    ///
    /// # Errors
    ///
    /// [`FoundError`].
    pub fn found(
        name: &str,
        root: &Identity,
        founder: Identity,
        level: impl Level + 'static,
    ) -> Result<Self, FoundError> {
        Self::found_with(Options::default(), name, root, founder, Arc::new(level))
    }

    /// As [`found`](Self::found), with options of the log. Its topic and policy are the channel's.
    ///
    /// # Errors
    ///
    /// [`FoundError`].
    pub fn found_with(
        options: Options,
        name: &str,
        root: &Identity,
        founder: Identity,
        level: Arc<dyn Level>,
    ) -> Result<Self, FoundError> {
        if root.writer() == founder.writer() {
            return Err(FoundError::RootWrites);
        }
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).map_err(IdentityError::Random)?;
        let genesis = Genesis::new(root.writer(), nonce, name).ok_or(FoundError::Name)?;
        let key = ChannelKey::from(genesis.topic());
        let first = first_nodes(&genesis, key, root, founder.writer())?;
        nothing_is_there(&level, &founder)?;
        // The few rows are one batch, so that a crash leaves a channel or nothing, and never one whose genesis is nowhere.
        level::copy(&first, &*level).map_err(hyperlog::LogError::from).map_err(hyperlog::Error::from)?;
        Ok(Self::open_with(options, level, founder, key)?)
    }

    /// Opens a channel by its key. Without a grant its log can be read and synced, and not be written.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: [`OpenError::OtherTopic`] when the level holds another log.
    pub fn open(level: impl Level + 'static, identity: Identity, key: ChannelKey) -> Result<Self, OpenError> {
        Self::open_with(Options::default(), Arc::new(level), identity, key)
    }

    /// As [`open`](Self::open), with options of the log. Its topic and policy are the channel's.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(
        options: Options,
        level: Arc<dyn Level>,
        identity: Identity,
        key: ChannelKey,
    ) -> Result<Self, OpenError> {
        let options = options.topic(key.topic()).policy(Arc::new(Writers::new(key)));
        Ok(Self { log: options.open(level, identity)? })
    }

    /// Founds a channel in a folder. The root key goes into the file `recovery`, which must not exist: keep it
    /// elsewhere. The folder stays locked while the channel is open.
    ///
    /// # Errors
    ///
    /// [`FoundError`].
    #[cfg(feature = "disk")]
    pub fn found_in(
        folder: &hyperlog::disk::Folder,
        name: &str,
        recovery: &std::path::Path,
    ) -> Result<Self, FoundError> {
        // Looked at first: no key is made for what cannot be founded.
        if !(1..=value::NAME_BYTES_MAX).contains(&name.len()) {
            return Err(FoundError::Name);
        }
        nothing_is_there(&folder.level(), &folder.identity())?;
        let root = hyperlog::disk::make_identity(recovery)?;
        Self::found_with(folder.options().into(), name, &root, folder.identity(), folder.level())
    }

    /// Opens a channel in a folder, which stays locked while the channel is open.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    #[cfg(feature = "disk")]
    pub fn open_in(folder: &hyperlog::disk::Folder, key: ChannelKey) -> Result<Self, OpenError> {
        Self::open_with(folder.options().into(), folder.level(), folder.identity(), key)
    }
}

/// Refuses a level in which there is a log. What it leaves where nothing was, an open log without nodes, becomes one of a
/// channel as well.
fn nothing_is_there(level: &Arc<dyn Level>, founder: &Identity) -> Result<(), FoundError> {
    match Options::default().open::<Binary>(Arc::clone(level), founder.clone()) {
        Ok(log) if log.last() == Change(0) => Ok(()),
        Ok(_) | Err(OpenError::OtherTopic | OpenError::OtherKind { .. }) => Err(FoundError::NotEmpty),
        Err(error) => Err(error.into()),
    }
}

/// What the root writes: the genesis, and the grant to the founder.
fn first_nodes(
    genesis: &Genesis,
    key: ChannelKey,
    root: &Identity,
    founder: WriterId,
) -> Result<Memory, FoundError> {
    let level = Memory::new();
    let channel = Channel::<Binary>::open(level.clone(), root.clone(), key)?;
    let value = genesis.encode();
    channel.log.act(|_| {
        Ok::<_, hyperlog::Error>(Act { kind: Kind::Genesis, cap: None, links: Vec::new(), value })
    })?;
    channel.authorize(founder, Role::Admin).map_err(|error| match error {
        Error::Log(error) => error,
        error => unreachable!("the root is an admin: {error}"),
    })?;
    Ok(level)
}

impl<E> Channel<E> {
    /// The log: all that a [`Hyperlog`] can do, a channel can.
    #[must_use]
    pub const fn log(&self) -> &Hyperlog<E> {
        &self.log
    }

    /// The key, for others to open the channel by.
    #[must_use]
    pub fn key(&self) -> ChannelKey {
        self.log.topic().into()
    }

    /// What the founder wrote; none before anything of the channel is here. Two point reads.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn genesis(&self) -> Result<Option<Genesis>, Error> {
        let Some(first) = rules::all(&self.log.policy_rows()?).next().transpose()? else { return Ok(None) };
        let node = self.log.raw(&first.1.id)?;
        let value = node.value().ok_or_else(|| damaged("the genesis, which has no value", None))?;
        Ok(Some(Genesis::decode(value).map_err(|source| damaged("the genesis", source))?))
    }

    /// Whether what a key writes from now on counts, as far as is known here. A few point reads.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn authorized(&self, key: &WriterId) -> Result<bool, Error> {
        Ok(self.role(key)?.is_some())
    }

    /// The highest role that a key has, as far as is known here. A few point reads.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn role(&self, key: &WriterId) -> Result<Option<Role>, Error> {
        let mut role = None;
        for grant in rules::of_key(key, &self.log.policy_rows()?) {
            let (_, grant) = grant?;
            if grant.standing.is_open() {
                role = role.max(Some(grant.role));
            }
        }
        Ok(role)
    }

    /// Who may write, ascending by key. The root, which grants without being granted, is not among them.
    /// O(grants).
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn members(&self) -> Result<Vec<Member>, Error> {
        Ok(members::members(&self.log.policy_rows()?)?)
    }

    /// All grants that there ever were, ascending by id, and what became of them. O(grants).
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn grants(&self) -> Result<Vec<Grant>, Error> {
        Ok(members::grants(&self.log.policy_rows()?)?)
    }

    /// Lets a key write. Returns the grant. What the key wrote before, under no grant, does not begin to count.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`], [`Error::NotAdmin`], [`Error::TooDeep`], or what the log says.
    pub fn authorize(&self, key: WriterId, role: Role) -> Result<NodeId, Error> {
        let value = value::Grant { key, role }.encode();
        let granted = self.log.act(|rows| {
            let cap = self.own_grants(rows)?.into_iter().filter(|(_, grant)| grant.role == Role::Admin);
            let cap = cap.min_by_key(|(change, grant)| (grant.depth, *change));
            let Some((_, cap)) = cap else { return Err(self.no_admin(rows)) };
            if cap.depth >= DEPTH_MAX {
                return Err(Error::TooDeep);
            }
            Ok(Act { kind: Kind::Grant, cap: Some(cap.id), links: Vec::new(), value })
        })?;
        Ok(granted.id)
    }

    /// Why the local writer cannot grant.
    fn no_admin(&self, rows: &StoredRows) -> Error {
        match rules::all(rows).next() {
            None => Error::Empty,
            Some(_) => Error::NotAdmin { writer: self.log.writer() },
        }
    }

    /// Ends a grant. What is kept of what was written under it goes on counting; all the rest does not, whenever it
    /// was written, and whoever granted by it did so in vain.
    ///
    /// # Errors
    ///
    /// [`Error::NoGrant`], [`Error::NotAbove`] unless the grant comes from one of one's own that stands,
    /// [`Error::KeepsTooMuch`], [`Error::KeepsOther`], or what the log says.
    pub fn revoke(&self, grant: &NodeId, keep: Keep) -> Result<Revoked, Error> {
        self.end(grant, keep, |target, rows| match self.above(target, rows)? {
            Some(cap) => Ok(cap),
            None => Err(self.not_above(grant, rows)?),
        })
    }

    /// The nearest of one's own grants that a grant comes from; the genesis, for the root.
    fn above(&self, grant: &records::Grant, rows: &StoredRows) -> Result<Option<NodeId>, Error> {
        let own = self.own_grants(rows)?;
        let mut above = grant.cap;
        while let Some(change) = above {
            if let Some((_, cap)) = own.iter().find(|(own, _)| *own == change) {
                return Ok(Some(cap.id));
            }
            above = rules::at(change, rows)?.1.cap;
        }
        Ok(None)
    }

    fn not_above(&self, grant: &NodeId, rows: &StoredRows) -> Result<Error, Error> {
        let is_admin = self.own_grants(rows)?.iter().any(|(_, grant)| grant.role == Role::Admin);
        let writer = self.log.writer();
        Ok(if is_admin { Error::NotAbove { id: *grant } } else { Error::NotAdmin { writer } })
    }

    /// Ends all grants of a key that come from one's own and stand. What is to be kept is, with all before it in the
    /// writer's log, kept under each of them. Other grants may be left: [`authorized`](Self::authorized)
    /// says so.
    ///
    /// # Errors
    ///
    /// [`Error::NoMember`] without a grant that stands, or as [`revoke`](Self::revoke) when there is none that one can end. By
    /// an error of the log, only the first ones may have ended.
    pub fn revoke_key(&self, key: &WriterId, keep: Keep) -> Result<Vec<Revoked>, Error> {
        let rows = self.log.policy_rows()?;
        let mut first = None;
        let mut grants = Vec::new();
        for (_, grant) in open(key, &rows)? {
            if self.above(&grant, &rows)?.is_some() {
                grants.push(grant.id);
            } else if grant.cap.is_some() {
                first = first.or(Some(grant.id));
            }
        }
        match (grants.is_empty(), first) {
            (true, None) => return Err(Error::NoMember { writer: *key }),
            (true, Some(grant)) => return Err(self.not_above(&grant, &rows)?),
            _ => {}
        }
        let keeps = grants.iter().map(|grant| self.of_grant(grant, key, &keep));
        let keeps = keeps.collect::<Result<Vec<_>, _>>()?;
        grants.iter().zip(keeps).map(|(grant, keep)| self.revoke(grant, keep)).collect()
    }

    /// Of what is to be kept of a writer's log, what acts under one of its grants.
    fn of_grant(&self, grant: &NodeId, key: &WriterId, keep: &Keep) -> Result<Keep, Error> {
        let Keep::Only(ids) = keep else { return Ok(Keep::Here) };
        let mut own = Vec::new();
        for id in ids {
            let mut node = self.log.raw(id)?;
            if node.writer != *key {
                return Err(Error::KeepsOther { id: *id, grant: *grant });
            }
            // Under another one: then the last before it that acts under this one.
            while node.cap != Some(*grant)
                && let Some(prev) = node.prev
            {
                node = self.log.raw(&prev)?;
            }
            own.extend((node.cap == Some(*grant)).then_some(node.id));
        }
        Ok(Keep::Only(own))
    }

    /// Gives back all grants of the local writer, and keeps all that it wrote. From then on it can only read.
    ///
    /// # Errors
    ///
    /// [`Error::NoMember`], or what the log says.
    pub fn resign(&self) -> Result<Vec<Revoked>, Error> {
        let writer = self.log.writer();
        let mut own = self.open_grants(&writer)?;
        own.retain(|(_, grant)| grant.cap.is_some());
        if own.is_empty() {
            return Err(Error::NoMember { writer });
        }
        own.iter().map(|(_, own)| self.end(&own.id, Keep::Here, |_, _| Ok(own.id))).collect()
    }

    /// Hands over to another key of one's own: grants it one's role, and resigns. For admins; others ask an admin to
    /// authorize the new key.
    ///
    /// # Errors
    ///
    /// As [`authorize`](Self::authorize) and [`resign`](Self::resign).
    pub fn rotate(&self, key: WriterId) -> Result<NodeId, Error> {
        let grant = self.authorize(key, Role::Admin)?;
        self.resign()?;
        Ok(grant)
    }

    /// Writes a revocation, under the grant that `cap` finds.
    fn end(
        &self,
        grant: &NodeId,
        keep: Keep,
        cap: impl FnOnce(&records::Grant, &StoredRows) -> Result<NodeId, Error>,
    ) -> Result<Revoked, Error> {
        let (change, _) = self.find_grant(grant)?;
        let (keep, left_out) = match keep {
            Keep::Here => self.ends_under(change)?,
            Keep::Only(keep) => (self.check_keep(grant, keep)?, 0),
        };
        let value = value::Revoke { grant: *grant, keep: keep.clone() }.encode();
        let links = keep.iter().chain([grant]).copied().collect();
        let node = self.log.act(|rows| {
            let (_, target) = rules::at(change, rows)?;
            Ok::<_, Error>(Act { kind: Kind::Revoke, cap: Some(cap(&target, rows)?), links, value })
        })?;
        Ok(Revoked { id: node.id, kept: keep, left_out })
    }

    fn find_grant(&self, id: &NodeId) -> Result<(Change, records::Grant), Error> {
        match self.log.raw(id) {
            Ok(node) if node.kind == Kind::Grant => Ok(rules::at(node.change, &self.log.policy_rows()?)?),
            Ok(_) | Err(hyperlog::Error::NotFound { .. }) => Err(Error::NoGrant { id: *id }),
            Err(error) => Err(error.into()),
        }
    }

    fn check_keep(&self, grant: &NodeId, mut keep: Vec<NodeId>) -> Result<Vec<NodeId>, Error> {
        keep.sort_unstable();
        keep.dedup();
        if keep.len() > KEEP_MAX {
            return Err(Error::KeepsTooMuch { count: keep.len() });
        }
        for id in &keep {
            if self.log.raw(id)?.cap != Some(*grant) {
                return Err(Error::KeepsOther { id: *id, grant: *grant });
            }
        }
        Ok(keep)
    }

    /// The last node under a grant, among those that count, of each branch of its holder: of the first 16 branches, and
    /// how many more there are.
    fn ends_under(&self, grant: Change) -> Result<(Vec<NodeId>, usize), Error> {
        let mut ends = BTreeMap::new();
        for row in self.log.policy_rows()?.starting_with(&key_of(UNDER, grant)) {
            let stretches =
                Stretch::decode_all(row?.1).map_err(|source| damaged("nodes under a grant", source))?;
            for stretch in stretches {
                if let Some(last) = self.last_that_counts(&stretch)? {
                    // Of a branch, rows come in order.
                    ends.insert(stretch.first.branch, last);
                }
            }
        }
        let mut named = Vec::new();
        for change in ends.values().take(KEEP_MAX) {
            let node = self.log.raw_at(*change)?;
            named.push(node.ok_or_else(|| damaged("a node under a grant, which is missing", None))?.id);
        }
        let mut keep = Vec::new();
        for id in &named {
            let mut others = named.iter().filter(|other| *other != id);
            let passed = others.try_fold(false, |passed, other| Ok(passed || self.log.reaches(other, id)?));
            if !passed.map_err(|error: hyperlog::Error| error)? {
                keep.push(*id);
            }
        }
        keep.sort_unstable();
        Ok((keep, ends.len().saturating_sub(KEEP_MAX)))
    }

    /// Of nodes that follow each other, the void ones are the last.
    fn last_that_counts(&self, stretch: &Stretch) -> Result<Option<Change>, Error> {
        let end = Change(stretch.change.0 + stretch.nodes - 1);
        let void = self.log.void_between(stretch.change, end)?.len() as u64;
        Ok((void < stretch.nodes).then(|| Change(end.0 - void)))
    }

    /// One's own grants that stand; the genesis, for the root.
    fn own_grants(&self, rows: &StoredRows) -> Result<Vec<(Change, records::Grant)>, Error> {
        open(&self.log.writer(), rows)
    }

    fn open_grants(&self, key: &WriterId) -> Result<Vec<(Change, records::Grant)>, Error> {
        open(key, &self.log.policy_rows()?)
    }
}

fn open(key: &WriterId, rows: &StoredRows) -> Result<Vec<(Change, records::Grant)>, Error> {
    let grants = rules::of_key(key, rows)
        .filter(|grant| grant.as_ref().map_or(true, |(_, grant)| grant.standing.is_open()));
    Ok(grants.collect::<Result<_, _>>()?)
}
