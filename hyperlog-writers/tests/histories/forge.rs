//! Writers that keep no rule of channels: a log with a policy that allows all, in a copy of some level, of now or of
//! long ago, under a key of their choice.

use std::sync::Arc;

use bytes::Bytes;
use hyperlog::{
    Act, AdmitError, Asking, Effects, Error, Hyperlog, Kind, Known, LogError, Memory, Node, NodeId, Policy,
    Rows, StoredRows, Topic, Utf8, WriterId,
};

use crate::oracle::{Book, No};
use crate::parcel::{Parcel, Tap};
use crate::place::{copy, draw, identity, open_as};

/// Everything may be stored, and what counted counts.
struct Anything;

impl Policy for Anything {
    fn kind(&self) -> &'static str {
        hyperlog_writers::KIND
    }

    fn admit(&self, _: &Asking<'_>, _: &Known<'_>) -> Result<(), AdmitError> {
        Ok(())
    }

    fn store(&self, _: &[Node], _: &mut Rows<'_>) -> Result<Effects, LogError> {
        Ok(Effects::default())
    }

    fn cap(&self, _: WriterId, _: Option<NodeId>, _: &StoredRows) -> Result<Option<NodeId>, AdmitError> {
        Ok(None)
    }
}

/// A level as it was once, and what it held.
pub(crate) struct Past {
    pub(crate) level: Memory,
    pub(crate) order: Vec<No>,
}

impl Past {
    pub(crate) fn new(level: &Memory, order: &[No]) -> Self {
        Self { level: copy(level), order: order.to_vec() }
    }
}

/// A node to be made.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) kind: Kind,
    pub(crate) cap: Option<No>,
    /// Heads are added.
    pub(crate) links: Vec<No>,
    pub(crate) value: Bytes,
}

pub(crate) struct Forge {
    pub(crate) writer: u8,
    level: Memory,
    pub(crate) log: Hyperlog<Utf8>,
    tap: Tap,
    pub(crate) order: Vec<No>,
}

impl Forge {
    pub(crate) fn new(past: Past, writer: u8, topic: Topic) -> Self {
        let Past { level, order } = past;
        let log = open_as(Arc::new(level.clone()), identity(writer), topic, Arc::new(Anything));
        let tap = Tap::new(&log);
        Self { writer, level, log, tap, order }
    }

    /// What has become of the level.
    pub(crate) fn end(self) -> Past {
        Past { level: self.level, order: self.order }
    }

    /// Another one that has the same.
    pub(crate) fn aside(&self, topic: Topic) -> Self {
        Self::new(Past::new(&self.level, &self.order), self.writer, topic)
    }

    pub(crate) fn import(&mut self, export: &[u8], book: &Book) {
        self.log.import(export).expect("everything may be stored here");
        for change in self.order.len() as u64 + 1..=self.log.last().0 {
            let node = self.log.raw_at(hyperlog::Change(change)).expect("a log can be read");
            let node = node.expect("what was imported is here");
            self.order.push(book.find(&node.id).expect("what was imported was written"));
        }
        self.tap.draw();
    }

    /// Makes a node.
    pub(crate) fn make(&self, draft: &Draft, book: &Book) -> NodeId {
        let Draft { kind, cap, links, value } = draft.clone();
        self.act(Act { kind, cap: cap.map(|cap| book.get(cap).id), links: book.ids(links), value })
    }

    pub(crate) fn act(&self, act: Act) -> NodeId {
        let made = self.log.act(|_| Ok::<_, Error>(act));
        made.expect("everything may be stored here").id
    }

    /// What was made last, as it travels; it is in no book.
    pub(crate) fn last_group(&mut self) -> Bytes {
        self.tap.draw().pop().expect("something was made").bytes
    }

    pub(crate) fn written(&mut self, book: &mut Book) -> Vec<Parcel> {
        draw(&self.log, &mut self.tap, &mut self.order, book)
    }
}
