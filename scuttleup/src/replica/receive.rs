//! What the peer sends.

use std::sync::Arc;

use replicate::{Decoder, Ingested, ReplicaError};

use super::LogExchange;
use super::book::Source;
use super::errors::{Declined, local, of_group};
use crate::error::Error;
use crate::fork::Fork;
use crate::group::{Group, Received, Verified};
use crate::ids::EntryId;
use crate::log::Log;

pub(super) fn decoder(log: &Log) -> Decoder<Group> {
    // Without the log itself: a decoder that somebody forgot to drop must not keep it open.
    let (topic, extension) = (log.topic(), Arc::clone(log.extension()));
    Arc::new(move |bytes| Group::decode(bytes, topic, &*extension).map_err(of_group))
}

impl LogExchange {
    pub(super) fn receive(&mut self, group: Group) -> Result<Ingested, ReplicaError> {
        if let Some(entry) = group.received().find(|entry| !self.ours.takes(entry.header.writer.as_bytes())) {
            let Received { id, header, .. } = entry;
            return Err(ReplicaError::Peer(Box::new(Declined { id: *id, writer: header.writer })));
        }
        // Exactly the ends of branches carry a signature.
        let ended = group.received().filter(|entry| entry.signature.is_some());
        let ends: Vec<EntryId> = ended.map(|entry| entry.id).collect();
        let group = self.log.verify(group).map_err(of_group)?;
        let repeated = self.count_repeated(&group).map_err(local)?;
        let ingested = self.log.ingest(group).map_err(of_group)?;
        self.note_ends(&ends).map_err(local)?;
        Ok(Ingested {
            stored: ingested.stored.len() as u64,
            duplicates: ingested.duplicates as u64,
            repeated,
            filled: ingested.filled as u64,
            forks: ingested.forks.iter().map(to_fork).collect(),
        })
    }

    /// Entries that are stored, and that the peer knows to be here.
    fn count_repeated(&self, group: &Verified) -> Result<u64, Error> {
        let mut repeated = 0;
        for known in &group.known {
            let entry = self.log.get(&known.id)?;
            repeated +=
                u64::from(entry.is_some_and(|entry| self.book.was_exchanged(entry.branch, entry.seq())));
        }
        Ok(repeated)
    }

    fn note_ends(&mut self, ends: &[EntryId]) -> Result<(), Error> {
        let Self { log, book, .. } = self;
        for id in ends {
            let entry = log.get(id)?;
            let entry = entry.ok_or_else(|| Error::damaged(format!("entry {id}, which was just stored")))?;
            log.while_nobody_writes(|chains, _| {
                book.note(chains, entry.branch, entry.seq(), Source::Received)
            });
        }
        Ok(())
    }
}

fn to_fork(fork: &Fork) -> replicate::Fork {
    replicate::Fork {
        writer: *fork.writer.as_bytes(),
        seq: fork.seq.0,
        lower: *fork.lower.as_bytes(),
        higher: *fork.higher.as_bytes(),
    }
}
