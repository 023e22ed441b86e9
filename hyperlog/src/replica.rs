//! Syncing a graph is syncing its log: links are what its extension says of an entry.

use replicate::{Replica, ReplicaError};
use scuttleup::LogExchange;

use crate::log::Hyperlog;

impl<E> Replica for Hyperlog<E> {
    type Exchange = LogExchange;

    fn exchange(&self) -> Result<LogExchange, ReplicaError> {
        self.entries().exchange()
    }
}
