//! How to open a log, and opening it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use level::{Durability, Level};

use super::durable::Durable;
use super::{Inner, Log, NEXT_TAG, Opened, State};
use crate::clock::Clock;
use crate::error::{Error, OpenError};
use crate::events::Bus;
use crate::extension::{Extension, Plain};
use crate::group::Drafts;
use crate::identity::Identity;
use crate::ids::Topic;
use crate::limits::Limits;
use crate::sidecar::{MemorySidecar, Sidecar};
use crate::store::{Arena, Loaded, Store};

/// How to open a log. Everything has a default that suits an open log whose appends are durable.
#[must_use]
pub struct Options {
    topic: Topic,
    extension: Arc<dyn Extension>,
    sidecar: Arc<dyn Sidecar>,
    clock: Option<Arc<dyn Clock>>,
    durability: Durability,
    limits: Limits,
    #[cfg(feature = "testing")]
    defect: Option<crate::replica::Defect>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            topic: Topic::OPEN,
            extension: Arc::new(Plain),
            sidecar: Arc::new(MemorySidecar::default()),
            clock: None,
            durability: Durability::Synced,
            limits: Limits::default(),
            #[cfg(feature = "testing")]
            defect: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { topic, durability, limits, .. } = self;
        f.debug_struct("Options")
            .field("topic", topic)
            .field("kind", &self.extension.kind())
            .field("durability", durability)
            .field("limits", limits)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// What the log is about. Default: an open log. A log that never had an entry becomes one of this topic, unless that
    /// is the one of open logs; any other is refused.
    pub fn topic(mut self, topic: Topic) -> Self {
        self.topic = topic;
        self
    }

    /// The layer above. Default: none.
    pub fn extension(mut self, extension: Arc<dyn Extension>) -> Self {
        self.extension = extension;
        self
    }

    /// The guard against old copies of the database. Default: one that forgets with the process.
    pub fn sidecar(mut self, sidecar: Arc<dyn Sidecar>) -> Self {
        self.sidecar = sidecar;
        self
    }

    /// A clock, so that what is buffered is synced after [`Limits::sync_interval`]. Without one it is
    /// synced by size, by the next durable append, by `flush` and on close.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// What `append` waits for. Default: [`Durability::Synced`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Bounds. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Makes every session of this log go wrong in one way, on purpose. Default: none.
    #[cfg(feature = "testing")]
    pub fn defect(mut self, defect: crate::replica::Defect) -> Self {
        self.defect = Some(defect);
        self
    }

    /// Opens the log in `level`, founding it when there is none. O(branches); entries are not read.
    ///
    /// A level holds one log, opened once: two at a time would write over each other. A database on disk sees to
    /// that itself.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the store holds something else, or cannot be used.
    pub fn open(self, level: Arc<dyn Level>, identity: Identity) -> Result<Log, OpenError> {
        let (store, loaded) = Store::open(level, self.extension.kind(), self.topic)?;
        let Loaded { chains, commits, last, lineage, created } = loaded;
        let own_stored = store.own_branch(&identity.writer())?;
        if own_stored.is_some_and(|no| chains.get(no).is_none_or(|branch| branch.writer != identity.writer()))
        {
            return Err(Error::damaged("the row of the own branch").into());
        }
        // A store that knows this writer only from others goes on from the longest branch.
        let longest = || {
            chains.of(&identity.writer()).iter().copied().max_by_key(|no| chains.get(*no).map(|b| b.tip_seq))
        };
        let own = own_stored.or_else(longest);
        let mut state = State {
            chains,
            commits,
            last,
            lineage,
            own,
            own_stored,
            missing: None,
            poisoned: false,
            drafts: Drafts::default(),
            untold: Vec::new(),
            arena: Arena::default(),
        };
        let mark = self.sidecar.load().map_err(OpenError::Sidecar)?;
        let lost_commits = state.compare(mark, identity.writer(), &store)?;
        if state.missing.is_none() {
            let mark = state.mark(identity.writer());
            self.sidecar.store(&mark, true).map_err(OpenError::Sidecar)?;
        }
        Ok(Log {
            inner: Arc::new(Inner {
                store,
                identity,
                last: AtomicU64::new(last.0),
                durable: Durable::new(last, commits),
                state: Mutex::new(state),
                events: Bus::new(self.limits.events_max),
                telling: Mutex::new(()),
                wake: event_listener::Event::new(),
                extension: self.extension,
                sidecar: self.sidecar,
                clock: self.clock,
                durability: self.durability,
                limits: self.limits,
                opened: Opened { created, lost_commits },
                tag: NEXT_TAG.fetch_add(1, Ordering::Relaxed),
                #[cfg(feature = "testing")]
                defect: self.defect,
            }),
        })
    }
}
