//! A log with members.

use std::sync::Arc;

use hyperlog::{
    Act, Binary, Change, Encoding, Hyperlog, Identity, IdentityError, Kind, Level, Memory, OpenError,
    Options, WriterId,
};

use crate::error::{Error, FoundError};
use crate::key::ChannelKey;
use crate::members::{self, Grant, Member};
use crate::records::damaged;
use crate::role::Role;
use crate::rules::{self, Writers};
use crate::value::Genesis;

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
        nothing_is_there(Options::default(), &level, &founder)?;
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

    /// Founds a channel in a folder. The root key goes into the file `recovery`, which must not exist and not lie in the
    /// folder: keep it elsewhere. The folder stays locked while the channel is open.
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
        if !(1..=crate::value::NAME_BYTES_MAX).contains(&name.len()) {
            return Err(FoundError::Name);
        }
        if lies_in(recovery, folder.path()) {
            return Err(FoundError::RecoveryInside);
        }
        // With its sidecar: a folder that lost its database is not empty.
        nothing_is_there(folder.options().into(), &folder.level(), &folder.identity())?;
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

/// Whether a file that is to be made would lie in a folder that is there.
#[cfg(feature = "disk")]
fn lies_in(file: &std::path::Path, folder: &std::path::Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| std::path::Path::new("."));
    match (parent.canonicalize(), folder.canonicalize()) {
        (Ok(parent), Ok(folder)) => parent.starts_with(folder),
        _ => file.starts_with(folder),
    }
}

/// Refuses a level in which there is a log. What it leaves where nothing was, an open log without nodes, becomes one of a
/// channel as well.
fn nothing_is_there(options: Options, level: &Arc<dyn Level>, founder: &Identity) -> Result<(), FoundError> {
    match options.open::<Binary>(Arc::clone(level), founder.clone()) {
        Ok(log) if log.last() == Change(0) => Ok(log.check_caught_up()?),
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
}
