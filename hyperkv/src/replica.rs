//! Syncing a map is syncing its log: the view follows when it is read.

use hyperlog::Hyperlog;
use replicate::{Replica, ReplicaError};

use crate::kv::HyperKv;

impl<E> Replica for HyperKv<E> {
    type Exchange = <Hyperlog as Replica>::Exchange;

    fn exchange(&self) -> Result<Self::Exchange, ReplicaError> {
        self.inner.log.exchange()
    }
}
