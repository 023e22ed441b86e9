//! Policies that are wrong on purpose; and one that is right, and as slow as the definition.

use std::sync::{Arc, Mutex, MutexGuard};

use hyperlog::{
    AdmitError, Asking, Change, Effects, Known, LogError, Named, Node, NodeId, Policy, Refusal, Rows,
    StoredRows, Topic, WriterId,
};
use hyperlog_writers::Writers;

use crate::oracle::{Book, No, Raw, Verdict, Wrong};

// ---- round the real one ----

/// What a node is when it comes it is for good.
pub(crate) fn decides_at_arrival(topic: Topic) -> Arc<dyn Policy> {
    Arc::new(Forgetful { inner: Writers::new(topic.into()), voids_later: false })
}

/// What ceased to count never counts again.
pub(crate) fn restores_nothing(topic: Topic) -> Arc<dyn Policy> {
    Arc::new(Forgetful { inner: Writers::new(topic.into()), voids_later: true })
}

struct Forgetful {
    inner: Writers,
    voids_later: bool,
}

impl Policy for Forgetful {
    fn kind(&self) -> &'static str {
        hyperlog_writers::KIND
    }

    fn admit(&self, node: &Asking<'_>, known: &Known<'_>) -> Result<(), AdmitError> {
        self.inner.admit(node, known)
    }

    fn store(&self, nodes: &[Node], rows: &mut Rows<'_>) -> Result<Effects, LogError> {
        let first = nodes.first().map_or(Change(0), |node| node.change);
        let mut effects = self.inner.store(nodes, rows)?;
        effects.voided.retain(|change| self.voids_later || *change >= first);
        effects.restored.clear();
        Ok(effects)
    }

    fn cap(
        &self,
        writer: WriterId,
        before: Option<NodeId>,
        rows: &StoredRows,
    ) -> Result<Option<NodeId>, AdmitError> {
        self.inner.cap(writer, before, rows)
    }
}

// ---- beside it ----

/// Right: to see that the others are caught for what is wrong with them.
pub(crate) fn goes_by_the_definition(topic: Topic) -> Arc<dyn Policy> {
    Plain::make(topic, Wrong::Nothing, false)
}

/// What is void when it comes is not stored, nor is what depends on it.
pub(crate) fn blacklists(topic: Topic) -> Arc<dyn Policy> {
    Plain::make(topic, Wrong::Nothing, true)
}

/// Of what a revocation keeps, only the nodes that it names are kept.
pub(crate) fn does_not_close_keep(topic: Topic) -> Arc<dyn Policy> {
    Plain::make(topic, Wrong::KeepIsNotClosed, false)
}

/// A revocation is effective whatever becomes of who made it.
pub(crate) fn lets_no_revocation_fall(topic: Topic) -> Arc<dyn Policy> {
    Plain::make(topic, Wrong::RevocationsDoNotFall, false)
}

/// The definition, applied to all that is stored whenever something is.
struct Plain {
    wrong: Wrong,
    blacklists: bool,
    admission: Writers,
    stored: Mutex<Stored>,
}

#[derive(Default)]
struct Stored {
    /// In local order.
    book: Book,
    void: Vec<bool>,
}

impl Plain {
    fn make(topic: Topic, wrong: Wrong, blacklists: bool) -> Arc<dyn Policy> {
        Arc::new(Self { wrong, blacklists, admission: Writers::new(topic.into()), stored: Mutex::default() })
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().expect("nothing panics in here")
    }

    fn verdict(&self, book: &Book) -> Verdict {
        let all: Vec<No> = (0..book.len()).collect();
        Verdict::of(book, &all, self.wrong)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the node is void, and so refused")]
struct Blacklisted;

#[derive(Debug, thiserror::Error)]
#[error("no grant of this writer is open")]
struct NothingOpen;

impl Policy for Plain {
    fn kind(&self) -> &'static str {
        hyperlog_writers::KIND
    }

    fn admit(&self, node: &Asking<'_>, known: &Known<'_>) -> Result<(), AdmitError> {
        self.admission.admit(node, known)?;
        if !self.blacklists {
            return Ok(());
        }
        let mut book = self.stored().book.clone();
        let raw = Raw::from(node);
        for parent in raw.parents() {
            learn(&parent, &mut book, known)?;
        }
        let no = book.add(&raw);
        if self.verdict(&book).is_void(no) {
            Err(AdmitError::Refused(Refusal(Box::new(Blacklisted))))
        } else {
            Ok(())
        }
    }

    fn store(&self, nodes: &[Node], _: &mut Rows<'_>) -> Result<Effects, LogError> {
        let mut stored = self.stored();
        for node in nodes {
            stored.book.add(&Raw::from(node));
        }
        let verdict = self.verdict(&stored.book);
        let mut effects = Effects::default();
        for (no, change) in (0..stored.book.len()).zip(1..) {
            let (was, is) = (stored.void.get(no).copied().unwrap_or(false), verdict.is_void(no));
            match (was, is) {
                (false, true) => effects.voided.push(Change(change)),
                (true, false) => effects.restored.push(Change(change)),
                _ => {}
            }
        }
        stored.void = (0..stored.book.len()).map(|no| verdict.is_void(no)).collect();
        Ok(effects)
    }

    fn cap(&self, writer: WriterId, _: Option<NodeId>, _: &StoredRows) -> Result<Option<NodeId>, AdmitError> {
        let stored = self.stored();
        let open = self.verdict(&stored.book).open(&stored.book, &writer);
        let first = open.first().map(|no| Some(stored.book.get(*no).id));
        first.ok_or_else(|| AdmitError::Refused(Refusal(Box::new(NothingOpen))))
    }
}

/// Notes a node that stands earlier in the same group.
fn learn(id: &NodeId, book: &mut Book, known: &Known<'_>) -> Result<(), AdmitError> {
    if book.find(id).is_some() {
        return Ok(());
    }
    let named = Named::find(id, known)?.expect("what a node names is known");
    let Named { writer, prev, kind, cap, links, value, .. } = named;
    let raw = Raw { id: *id, writer, prev, kind, cap, links, value };
    for parent in raw.parents() {
        learn(&parent, book, known)?;
    }
    book.add(&raw);
    Ok(())
}
