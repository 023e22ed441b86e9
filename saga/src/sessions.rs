//! The connections that are open, so that they can be ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use crate::talk::{self, Bucket, Word};

/// All open connections of a chat.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    open: Arc<Open>,
}

#[derive(Debug, Default)]
struct Open {
    book: Mutex<Book>,
    /// One ended.
    ended: Notify,
}

#[derive(Debug, Default)]
struct Book {
    next: u64,
    endings: BTreeMap<u64, watch::Sender<Ending>>,
}

/// How a connection is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Open,
    /// Says goodbye.
    Goodbye,
    Abort,
}

/// A place among the open connections; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    open: Arc<Open>,
    number: u64,
    ending: watch::Receiver<Ending>,
}

impl Open {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// Takes a place, before anything is waited for: who says goodbye to all must not miss one.
    pub(crate) fn begin(&self) -> Place {
        let mut book = self.open.book();
        book.next += 1;
        let number = book.next;
        let (sender, ending) = watch::channel(Ending::Open);
        book.endings.insert(number, sender);
        Place { open: Arc::clone(&self.open), number, ending }
    }

    /// Says goodbye on all of them, and waits until the last has ended.
    pub(crate) async fn end(&self) {
        self.tell(Ending::Goodbye);
        self.ended().await;
    }

    /// Ends them at once, and waits until the last has ended.
    pub(crate) async fn abort(&self) {
        self.tell(Ending::Abort);
        self.ended().await;
    }

    fn tell(&self, how: Ending) {
        for ending in self.open.book().endings.values() {
            ending.send_replace(how);
        }
    }

    async fn ended(&self) {
        loop {
            let mut ended = std::pin::pin!(self.open.ended.notified());
            ended.as_mut().enable();
            if self.open.book().endings.is_empty() {
                return;
            }
            ended.await;
        }
    }
}

impl Place {
    /// Waits until it is to end, or to end in another way than before.
    pub(crate) async fn told(&mut self) -> Ending {
        match self.ending.changed().await {
            Ok(()) => *self.ending.borrow_and_update(),
            // The book has it as long as this place is there.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.book().endings.remove(&self.number);
        self.open.ended.notify_waiters();
    }
}

/// Where words to all peers go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Talks {
    open: Arc<Mutex<Lines>>,
}

#[derive(Debug)]
struct Lines {
    /// Of all connections together: a stranger can come again and again.
    passed_on: Bucket,
    next: u64,
    lines: BTreeMap<u64, mpsc::Sender<Word>>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { passed_on: talk::PASSED_ON_IN_ALL, next: 0, lines: BTreeMap::new() }
    }
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

    /// Passes a word on to all, unless too many were. Who has too much to hear already does not hear it.
    pub(crate) fn pass_on(&self, word: &Word) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !open.passed_on.take(Instant::now()) {
            return;
        }
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
