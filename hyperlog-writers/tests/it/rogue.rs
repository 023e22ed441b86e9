//! A writer that obeys no rule: it writes under whatever grant it likes, as often as it likes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hyperlog::{
    Act, AdmitError, Asking, Effects, Hyperlog, Kind, Known, LogError, Memory, Node, NodeId, Options, Policy,
    Rows, StoredRows, Utf8, WriterId,
};
use hyperlog_writers::Channel;

use crate::support::identity;

/// Admits everything, and acts under what it is told.
#[derive(Debug, Default)]
struct Lawless {
    cap: Mutex<Option<NodeId>>,
    /// Keeps no values of grants and revocations.
    hollow: AtomicBool,
}

impl Policy for Lawless {
    fn kind(&self) -> &'static str {
        hyperlog_writers::KIND
    }

    fn admit(&self, _: &Asking<'_>, _: &Known<'_>) -> Result<(), AdmitError> {
        Ok(())
    }

    fn store(&self, nodes: &[Node], rows: &mut Rows<'_>) -> Result<Effects, LogError> {
        if self.hollow.load(Ordering::Relaxed) {
            let mut acts = nodes.iter().filter(|node| node.kind != Kind::Data);
            acts.try_for_each(|node| rows.drop_value(node.change))?;
        }
        Ok(Effects::default())
    }

    fn cap(&self, _: WriterId, _: Option<NodeId>, _: &StoredRows) -> Result<Option<NodeId>, AdmitError> {
        Ok(*self.cap.lock().unwrap())
    }
}

pub(crate) struct Rogue {
    policy: Arc<Lawless>,
    pub(crate) log: Hyperlog<Utf8>,
}

impl Rogue {
    /// Writer `n`, with all that is in a channel.
    pub(crate) fn new(n: u8, of: &Channel<Utf8>) -> Self {
        Self::on(Memory::new(), n, of)
    }

    pub(crate) fn on(level: Memory, n: u8, of: &Channel<Utf8>) -> Self {
        let policy = Arc::new(Lawless::default());
        let options = Options::default().topic(of.key().topic()).policy(Arc::clone(&policy) as _);
        let log = options.open(Arc::new(level), identity(n)).unwrap();
        let rogue = Self { policy, log };
        rogue.take(of);
        rogue
    }

    /// Takes all that is in a channel.
    pub(crate) fn take(&self, of: &Channel<Utf8>) {
        self.log.import(&crate::support::export(of)[..]).unwrap();
    }

    /// From now on, grants and revocations are stored without their values.
    pub(crate) fn go_hollow(&self) {
        self.policy.hollow.store(true, Ordering::Relaxed);
    }

    /// Data under any grant.
    pub(crate) fn write(&self, cap: NodeId, links: &[NodeId], value: &str) -> NodeId {
        *self.policy.cap.lock().unwrap() = Some(cap);
        self.log.add(links, value).unwrap().id
    }

    /// Any node at all; it links heads, too.
    pub(crate) fn act(&self, kind: Kind, cap: Option<NodeId>, links: &[NodeId], value: Vec<u8>) -> NodeId {
        let act = Act { kind, cap, links: links.to_vec(), value: value.into() };
        self.log.act(|_| Ok::<_, hyperlog::Error>(act)).unwrap().id
    }

    pub(crate) fn export(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.log.export(&mut out).unwrap();
        out
    }
}
