//! A log as something that can be synced: one side of one session with one peer.
//!
//! The session decides who speaks when; here is what there is to say. Begin with [`LogExchange`], then
//! [`Book`], which is all that is remembered of the peer.

mod book;
mod declines;
#[cfg(feature = "testing")]
mod defect;
mod errors;
mod locate;
mod plan;
mod receive;
mod send;
mod snapshot;
mod unit;
mod values;

use bytes::Bytes;
use replicate::{
    About, Decoder, Ingested, Key, News, Outgoing, Point, Replica, ReplicaError, Settled, Tip, Wants,
};

#[cfg(feature = "testing")]
pub use defect::Defect;

use crate::error::Error;
use crate::group::Group;
use crate::ids::{Change, EntryId};
use crate::log::Log;
use book::Book;
use declines::Stops;
use errors::local;
use plan::Plan;
use snapshot::Snapshot;
use unit::Unit;

impl Replica for Log {
    type Exchange = LogExchange;

    fn exchange(&self) -> Result<LogExchange, ReplicaError> {
        LogExchange::begin(self).map_err(local)
    }
}

/// One side of one session of a log: what is here, and what the peer has of it.
///
/// Memory: about 90 bytes a branch, 24 more for each of which the peer lacks something, and one unit.
pub struct LogExchange {
    log: Log,
    snapshot: Snapshot,
    book: Book,
    ours: Wants,
    theirs: Wants,
    /// Where entries are left out because the peer declines a writer.
    stops: Stops,
    /// Made when it is first asked.
    plan: Option<Plan>,
    unit: Unit,
    /// The last entry of the local order that was looked at to be sent.
    at: Change,
    /// How many entries in a row the peer had, up to there.
    skipped: usize,
    /// The last entry whose value was asked for.
    asked: Change,
    #[cfg(feature = "testing")]
    defect: Option<Defect>,
}

impl std::fmt::Debug for LogExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogExchange")
            .field("log", &self.log)
            .field("snapshot", &self.snapshot.last)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl LogExchange {
    fn begin(log: &Log) -> Result<Self, Error> {
        Ok(Self {
            snapshot: Snapshot::take(log)?,
            log: log.clone(),
            #[cfg(feature = "testing")]
            book: if log.inner.defect == Some(Defect::OpenBook) { Book::open() } else { Book::default() },
            #[cfg(not(feature = "testing"))]
            book: Book::default(),
            ours: Wants::All,
            theirs: Wants::All,
            stops: Stops::default(),
            plan: None,
            unit: Unit::default(),
            at: Change(0),
            skipped: 0,
            asked: Change(0),
            #[cfg(feature = "testing")]
            defect: log.inner.defect,
        })
    }
}

impl replicate::Exchange for LogExchange {
    type Group = Group;

    fn about(&self) -> About {
        About {
            kind: self.log.extension().kind().to_owned(),
            discovery_key: self.log.topic().discovery_key(),
            entries: self.snapshot.last.0,
            writers: self.snapshot.writers,
        }
    }

    fn tips(&self) -> &[Tip] {
        &self.snapshot.tips
    }

    fn agree(&mut self, ours: &Wants, theirs: &Wants) {
        self.ours.clone_from(ours);
        self.theirs.clone_from(theirs);
    }

    fn peer_has_tip(&mut self, place: usize) {
        self.note_tip(place);
    }

    fn peer_named(&mut self, point: &Point) -> Result<bool, ReplicaError> {
        self.note_point(point).map_err(local)
    }

    fn samples(&self, writer: &Key, out: &mut Vec<Point>) -> Result<(), ReplicaError> {
        self.sample(writer, out).map_err(local)
    }

    fn plan(&mut self) -> Result<u64, ReplicaError> {
        Ok(self.make_plan())
    }

    fn next_group(&mut self) -> Result<Option<Outgoing>, ReplicaError> {
        self.send_missing().map_err(local)
    }

    fn next_live(&mut self) -> Result<Option<Outgoing>, ReplicaError> {
        self.send_live().map_err(local)
    }

    fn left_out(&self) -> u64 {
        self.stops.left_out(&self.book)
    }

    fn decoder(&self) -> Decoder<Group> {
        receive::decoder(&self.log)
    }

    fn ingest(&mut self, group: Group) -> Result<Ingested, ReplicaError> {
        self.receive(group)
    }

    fn wanted_values(&mut self, max: usize) -> Result<Vec<Key>, ReplicaError> {
        self.want(max).map_err(local)
    }

    fn value(&self, id: &Key) -> Result<Option<Bytes>, ReplicaError> {
        let entry = self.log.get(&EntryId::from_bytes(*id)).map_err(local)?;
        Ok(entry.and_then(|entry| entry.value().bytes().cloned()))
    }

    fn fill(&mut self, id: &Key, value: Bytes) -> Result<bool, ReplicaError> {
        self.log.fill(&EntryId::from_bytes(*id), value).map_err(errors::of_fill)
    }

    fn settle(&mut self, complete: bool) -> Result<Settled, ReplicaError> {
        snapshot::settle(&self.log, complete).map_err(local)
    }

    fn news(&self) -> News {
        Box::pin(self.log.inner.wake.listen())
    }
}
