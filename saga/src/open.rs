//! How to open a chat.

use std::sync::Arc;
use std::time::Duration;

use hyperlog::Identity;
use hyperlog_writers::{Channel, ChannelKey};
use level::{Durability, Level};
use scuttleup::topic_of;

use crate::clock::{WallClock, system_clock};
use crate::door::Door;
use crate::error::Error;
use crate::people::LEAVE_AFTER;
use crate::saga::{SUB, Saga};
use crate::sanitize::sanitize_name;

/// What can be chosen for a chat.
#[must_use]
pub struct Options {
    pub(crate) door: Door,
    pub(crate) clock: WallClock,
    pub(crate) grace: Duration,
    identity: Option<Identity>,
    root: Option<Identity>,
    channel_name: Option<String>,
    log: hyperlog::Options,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("door", &self.door)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            door: Door::default(),
            clock: system_clock(),
            grace: LEAVE_AFTER,
            identity: None,
            root: None,
            channel_name: None,
            log: hyperlog::Options::default(),
        }
    }
}

/// The row with the local key, for storages that have no other place for it.
const IDENTITY: &[u8] = b"identity";

impl Options {
    /// What happens when somebody connects who may not write. Default: [`Door::Ask`].
    pub fn door(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// Who writes. Default: a key that lies in the storage.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// What founds a channel, if one is founded: keep it where nobody finds it; it can revoke everybody. Default: a key that
    /// is thrown away.
    pub fn root(mut self, root: Identity) -> Self {
        self.root = Some(root);
        self
    }

    /// The name of the channel, if one is founded. Default: that of its founder.
    pub fn channel_name(mut self, name: impl Into<String>) -> Self {
        self.channel_name = Some(name.into());
        self
    }

    /// Options of the log. Its topic and policy are the channel's.
    pub fn log(mut self, log: hyperlog::Options) -> Self {
        self.log = log;
        self
    }

    /// Tells the time. Default: [`system_clock`].
    pub fn clock(mut self, clock: WallClock) -> Self {
        self.clock = clock;
        self
    }

    /// Who breaks off and is back within this time has not left. Default: 30 seconds.
    pub fn leave_after(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Opens a chat; see [`Saga::open`].
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn open(
        mut self,
        storage: Arc<dyn Level>,
        key: Option<ChannelKey>,
        username: &str,
    ) -> Result<Saga, Error> {
        let username = sanitize_name(username).ok_or(Error::Name)?;
        let identity = match self.identity.take() {
            Some(identity) => identity,
            None => identity_in(&*storage)?,
        };
        let log = std::mem::take(&mut self.log);
        let stored =
            topic_of(&*storage)?.filter(|topic| *topic != hyperlog::Topic::OPEN).map(ChannelKey::from);
        let channel = match (key, stored) {
            (Some(key), Some(stored)) if key != stored => return Err(Error::OtherChannel),
            (Some(key), _) | (None, Some(key)) => {
                Channel::open_with(log, Arc::clone(&storage), identity.clone(), key)?
            }
            (None, None) => {
                let root = self.root.take().map_or_else(Identity::try_generate, Ok);
                let root = root.map_err(|error| Error::Random(error.to_string()))?;
                let name = self.channel_name.take().unwrap_or_else(|| username.clone());
                Channel::found_with(log, &name, &root, identity.clone(), Arc::clone(&storage))?
            }
        };
        Saga::over(channel, storage, identity, &username, &self)
    }

    /// Opens a chat in a folder, which keeps the local key apart and stays locked while the chat is open. When a channel is founded, the root key goes
    /// into the file `recovery`, which must not exist and not lie in the folder.
    ///
    /// # Errors
    ///
    /// [`Error`].
    #[cfg(feature = "disk")]
    pub fn open_in(
        mut self,
        folder: &hyperlog_writers::disk::Folder,
        key: Option<ChannelKey>,
        username: &str,
        recovery: &std::path::Path,
    ) -> Result<Saga, Error> {
        let username = sanitize_name(username).ok_or(Error::Name)?;
        if key.is_none() && folder.topic()?.is_none_or(|topic| topic == hyperlog::Topic::OPEN) {
            let name = self.channel_name.take().unwrap_or_else(|| username.clone());
            drop(Channel::<hyperlog::Binary>::found_in(folder, &name, recovery)?);
        }
        self.identity = Some(folder.identity());
        self.log = folder.options().into();
        self.open(folder.level(), key, &username)
    }
}

/// The key in the storage, made on first use. It is durable before anything is signed with it.
fn identity_in(storage: &dyn Level) -> Result<Identity, Error> {
    let sub = storage.sub(SUB)?;
    if let Some(row) = storage.get(sub, IDENTITY)? {
        let seed = row[..].try_into().map_err(|_| Error::DamagedKey)?;
        return Ok(Identity::from_seed(&seed));
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Error::Random(error.to_string()))?;
    storage.put(sub, IDENTITY, &seed, Durability::Synced)?;
    Ok(Identity::from_seed(&seed))
}
