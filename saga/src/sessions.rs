//! The connections that are open, so that they can be ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use replicate::Stop;
use tokio::sync::{Notify, mpsc};

use crate::talk::Word;

/// All open sessions of a chat.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    open: Arc<Open>,
}

#[derive(Debug, Default)]
struct Open {
    sessions: Mutex<Book>,
    /// One ended.
    ended: Notify,
}

#[derive(Debug, Default)]
struct Book {
    next: u64,
    stops: BTreeMap<u64, Stop>,
}

/// A place among the open sessions; dropping it gives it back.
pub(crate) struct Place {
    open: Arc<Open>,
    number: u64,
}

impl Sessions {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.open.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, stop: Stop) -> Place {
        let mut book = self.book();
        book.next += 1;
        let number = book.next;
        book.stops.insert(number, stop);
        Place { open: Arc::clone(&self.open), number }
    }

    /// Says goodbye on all of them, and waits until the last has ended.
    pub(crate) async fn end(&self) {
        self.book().stops.values().for_each(Stop::stop);
        loop {
            let ended = self.open.ended.notified();
            let mut ended = std::pin::pin!(ended);
            ended.as_mut().enable();
            if self.book().stops.is_empty() {
                return;
            }
            ended.await;
        }
    }

    /// Ends them at once.
    pub(crate) fn abort(&self) {
        self.book().stops.values().for_each(Stop::abort);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut book = self.open.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        book.stops.remove(&self.number);
        drop(book);
        self.open.ended.notify_waiters();
    }
}

/// Where words to all peers go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Talks {
    open: Arc<Mutex<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    next: u64,
    lines: BTreeMap<u64, mpsc::Sender<Word>>,
}

/// A place among the open talks; dropping it gives it back.
pub(crate) struct Line {
    open: Arc<Mutex<Lines>>,
    number: u64,
}

impl Talks {
    pub(crate) fn begin(&self, words: mpsc::Sender<Word>) -> Line {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.next += 1;
        let number = open.next;
        open.lines.insert(number, words);
        Line { open: Arc::clone(&self.open), number }
    }

    /// Says a word to all. Who has too much to hear already does not hear it.
    pub(crate) fn say(&self, word: &Word) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for line in open.lines.values() {
            let _ = line.try_send(word.clone());
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).lines.remove(&self.number);
    }
}
