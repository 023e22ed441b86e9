//! Telling one state of a log from another.

use scuttleup::Lineage;

use crate::graph::Epoch;

/// What a log held up to some node: which nodes, in which order, and what had become of them. Local to a replica, and of
/// 64 bits a digest: it notices accidents, such as an old copy of a database that went another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    lineage: Lineage,
    epoch: u64,
    epochs: Lineage,
}

impl Fingerprint {
    /// Length of its bytes.
    pub const BYTES: usize = 24;

    pub(crate) const fn new(epoch: Epoch, lineage: Lineage) -> Self {
        Self { lineage, epoch: epoch.number, epochs: epoch.digest }
    }

    /// The same nodes, as if it had been taken when the other was.
    #[must_use]
    pub const fn as_of(self, other: &Self) -> Self {
        Self { lineage: self.lineage, epoch: other.epoch, epochs: other.epochs }
    }

    /// The epoch in which it was taken.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether the nodes and their order are the same, whatever became of them.
    #[must_use]
    pub fn has_same_nodes(&self, other: &Self) -> bool {
        self.lineage == other.lineage
    }

    /// To be kept: the order (8), the number of the epoch (8), a digest of the epochs (8).
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let parts = [self.lineage.to_bytes(), self.epoch.to_be_bytes(), self.epochs.to_bytes()];
        for (to, from) in bytes.chunks_exact_mut(8).zip(parts) {
            to.copy_from_slice(&from);
        }
        bytes
    }

    /// As it was kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let part = |place: usize| {
            let mut part = [0; 8];
            part.copy_from_slice(bytes.iter().as_slice().get(8 * place..8 * place + 8).unwrap_or(&[0; 8]));
            part
        };
        Self {
            lineage: Lineage::from_bytes(part(0)),
            epoch: u64::from_be_bytes(part(1)),
            epochs: Lineage::from_bytes(part(2)),
        }
    }
}
