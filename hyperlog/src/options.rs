//! How to open a graph.

use std::sync::Arc;

use level::Level;
use scuttleup::{Clock, Durability, Identity, Limits, OpenError, Sidecar, Topic};

use crate::encoding::Encoding;
use crate::graph::Graph;
use crate::log::Hyperlog;
use crate::policy::Policy;

/// How to open a graph. Everything has a default that suits an open log whose adds are durable.
#[must_use]
pub struct Options {
    log: scuttleup::Options,
    policy: Option<Arc<dyn Policy>>,
    limits: Limits,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Options").field(&self.log).finish()
    }
}

impl Default for Options {
    fn default() -> Self {
        scuttleup::Options::default().into()
    }
}

impl From<scuttleup::Options> for Options {
    /// Starts from the options of a log, say those of a folder.
    fn from(log: scuttleup::Options) -> Self {
        Self { log, policy: None, limits: Limits::default() }
    }
}

impl Options {
    /// What the graph is about. Default: an open log.
    pub fn topic(mut self, topic: Topic) -> Self {
        self.log = self.log.topic(topic);
        self
    }

    /// Who may write, and what counts. Default: everybody, and everything.
    pub fn policy(mut self, policy: Arc<dyn Policy>) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The guard against old copies of the database. Default: one that forgets with the process.
    pub fn sidecar(mut self, sidecar: Arc<dyn Sidecar>) -> Self {
        self.log = self.log.sidecar(sidecar);
        self
    }

    /// A clock, so that what is buffered is synced after a second.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.log = self.log.clock(clock);
        self
    }

    /// What adding waits for. Default: [`Durability::Synced`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.log = self.log.durability(durability);
        self
    }

    /// Bounds. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Opens the graph in `level`, founding it when there is none. O(branches); nodes are not read.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the store holds something else, or cannot be used.
    pub fn open<E: Encoding>(
        self,
        level: Arc<dyn Level>,
        identity: Identity,
    ) -> Result<Hyperlog<E>, OpenError> {
        let graph = Arc::new(Graph::new(self.policy, self.limits.events_max));
        let log = self.log.extension(Arc::clone(&graph) as _).limits(self.limits).open(level, identity)?;
        graph.load(&log.rows()?)?;
        Ok(Hyperlog::new(log, graph))
    }
}
