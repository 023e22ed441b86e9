//! A machine: a disk that can lose power, the key and the sidecar beside it, and a log while it is open.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyperlog::{
    Change, Durability, Error, Hyperlog, Identity, LogError, MemorySidecar, Node, NodeId, Read, Sidecar,
    Utf8, WriterId,
};
use level::testing::Crashing;

use crate::world::{Broken, Checked};

pub(crate) struct Place {
    pub(crate) key: u8,
    pub(crate) level: Crashing,
    sidecar: Arc<MemorySidecar>,
    /// None only while it is opened again.
    log: Option<Hyperlog<Utf8>>,
    /// The last own node that was said to be durable, since a backup was last restored.
    promised: Option<NodeId>,
    /// What was deleted here.
    pub(crate) deleted: BTreeSet<NodeId>,
    pub(crate) backup: Option<Backup>,
    /// A backup was restored: then it may have to catch up.
    pub(crate) restored: bool,
    broken: Broken,
}

/// An old copy of a database.
#[derive(Clone)]
pub(crate) struct Backup {
    level: Crashing,
    deleted: BTreeSet<NodeId>,
}

/// In what state the power finds the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    /// So many unsynced batches are kept.
    pub(crate) keep: usize,
}

impl Place {
    pub(crate) fn new(key: u8, broken: Broken) -> Result<Self, String> {
        Self::with(key, Crashing::new(), Arc::default(), BTreeSet::new(), broken)
    }

    fn with(
        key: u8,
        level: Crashing,
        sidecar: Arc<MemorySidecar>,
        deleted: BTreeSet<NodeId>,
        broken: Broken,
    ) -> Result<Self, String> {
        let mut place = Self {
            key,
            level,
            sidecar,
            log: None,
            promised: None,
            deleted,
            backup: None,
            restored: false,
            broken,
        };
        place.open()?;
        Ok(place)
    }

    fn open(&mut self) -> Checked {
        let mut options = scuttleup::Options::default();
        if let Some(defect) = self.broken.defect {
            options = options.defect(defect);
        }
        let opened = hyperlog::Options::from(options)
            .sidecar(self.sidecar.clone())
            .open(Arc::new(self.level.clone()), Identity::from_seed(&[self.key; 32]));
        self.log = Some(opened.map_err(|error| format!("a log does not open: {error}: {error:?}"))?);
        Ok(())
    }

    pub(crate) fn log(&self) -> &Hyperlog<Utf8> {
        self.log.as_ref().expect("a log is closed only to be opened again at once")
    }

    pub(crate) fn writer(&self) -> WriterId {
        self.log().writer()
    }

    // ---- what its user does ----

    /// Writes; gives how many nodes were added. An old copy may refuse, and nothing else.
    pub(crate) fn write(
        &mut self,
        durability: Durability,
        add: impl FnOnce(&Hyperlog<Utf8>) -> Result<Vec<Node<String>>, Error>,
    ) -> Result<Option<usize>, String> {
        match add(&self.log().with_durability(durability)) {
            Ok(nodes) => {
                if durability == Durability::Synced {
                    self.promised = nodes.last().map(|node| node.id).or(self.promised);
                }
                Ok(Some(nodes.len()))
            }
            Err(Error::Log(LogError::NeedsCatchUp { .. })) if self.restored => Ok(None),
            Err(error) => Err(format!("a write failed: {error}: {error:?}")),
        }
    }

    /// The node at a place of the local order.
    pub(crate) fn node(&self, change: Change) -> Result<Node<String>, String> {
        let read = Read::all().since(Change(change.0 - 1)).limit(1);
        let node = self.log().changes(read).next().ok_or("a node is missing")?;
        node.map_err(|error| format!("a node cannot be read: {error}"))
    }

    pub(crate) fn delete(&mut self, id: NodeId) -> Checked {
        self.log().del(&id).map_err(|error| format!("a value cannot be deleted: {error}"))?;
        self.deleted.insert(id);
        Ok(())
    }

    pub(crate) fn flush(&self) -> Checked {
        self.log().flush().map_err(|error| format!("a flush failed: {error}"))
    }

    // ---- what happens to it ----

    /// The power fails and comes back.
    pub(crate) fn crash(&mut self, crash: Crash) -> Checked {
        self.level = if self.broken.disk_out_of_order {
            self.level.crash_out_of_order(crash.keep)
        } else {
            self.level.crash(crash.keep)
        };
        self.log = None;
        self.open()?;
        self.check_opened()
    }

    /// The log is closed and opened again. Nobody else may hold it.
    pub(crate) fn restart(&mut self) -> Checked {
        self.log = None;
        if self.level.unsynced() > 0 {
            return Err("a log was closed, and is not durable".into());
        }
        self.open()?;
        self.check_opened()
    }

    /// Nothing that was promised is gone, and nobody is kept from writing who has not lost anything.
    fn check_opened(&self) -> Checked {
        if let Some(id) = self.promised
            && !self.has(&id)?
        {
            return Err(format!("node {id} was durable, and is gone"));
        }
        match self.log().check_caught_up() {
            Err(error) if !self.restored => Err(format!("needs to catch up for no reason: {error}")),
            _ => Ok(()),
        }
    }

    pub(crate) fn has(&self, id: &NodeId) -> Result<bool, String> {
        self.log().contains(id).map_err(|error| format!("an id cannot be looked up: {error}"))
    }

    /// Whether nothing keeps it from writing.
    pub(crate) fn may_write(&self) -> bool {
        self.log().check_caught_up().is_ok()
    }

    /// A backup holds what is durable.
    pub(crate) fn back_up(&mut self) -> Checked {
        self.flush()?;
        self.backup = Some(Backup { level: self.level.copy(), deleted: self.deleted.clone() });
        Ok(())
    }

    /// Puts an old copy of the database back, beside the key and the sidecar that are there.
    pub(crate) fn restore(&mut self, backup: &Backup) -> Checked {
        self.log = None;
        self.level = backup.level.copy();
        self.deleted.clone_from(&backup.deleted);
        self.promised = None;
        self.restored = true;
        self.open()
    }

    /// A second machine with the key of this one: with all that is here, or an old copy without a sidecar.
    pub(crate) fn clone_writer(&self, old: Option<&Backup>) -> Result<Self, String> {
        let (key, broken) = (self.key, self.broken);
        match old {
            Some(Backup { level, deleted }) => {
                Self::with(key, level.copy(), Arc::default(), deleted.clone(), broken)
            }
            None => {
                let sidecar = MemorySidecar::default();
                if let Some(mark) = self.sidecar.load().map_err(|error| error.to_string())? {
                    sidecar.store(&mark, true).map_err(|error| error.to_string())?;
                }
                let mut clone =
                    Self::with(key, self.level.copy(), Arc::new(sidecar), self.deleted.clone(), broken)?;
                clone.restored = self.restored;
                Ok(clone)
            }
        }
    }

    pub(crate) const fn promised(&self) -> Option<NodeId> {
        self.promised
    }
}
