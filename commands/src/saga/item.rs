//! What there is to show. Front ends differ in how they show it, not in what.

use std::net::SocketAddr;
use std::path::PathBuf;

use saga::{ChannelKey, Door, Message, Person, Role, WriterId};

/// Somebody, as it is called in an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) key: WriterId,
    /// None where nobody has heard of one.
    pub(crate) name: Option<String>,
    pub(crate) is_me: bool,
    /// Somebody else has this name, too.
    pub(crate) ambiguous: bool,
}

/// A message and what is known of its author.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) message: Message,
    pub(crate) by: Who,
}

/// The channel that is open.
#[derive(Clone, Debug)]
pub(crate) struct Banner {
    pub(crate) key: ChannelKey,
    /// None while nothing of it is here.
    pub(crate) name: Option<String>,
    pub(crate) me: Who,
    pub(crate) role: Option<Role>,
    pub(crate) door: Door,
    /// It is new here, and not founded here: who joins was told the key a moment ago.
    pub(crate) joins: bool,
    /// Where the recovery key is, of a channel that was founded just now.
    pub(crate) recovery: Option<PathBuf>,
}

/// Something to show.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// A message that came, or that is shown at the start.
    Said(Said),
    /// Messages that were asked for.
    History(Vec<Said>),
    /// More came at once than is worth showing; they are in the history.
    Skipped(usize),
    /// What follows came since the channel was open last.
    New(usize),
    Channel(Banner),
    /// How others join, and by what key one is invited, on demand.
    Key(ChannelKey, WriterId),
    Listening(Vec<SocketAddr>),
    Joined(Who),
    Left(Who),
    Admitted(Who),
    Asks {
        who: Who,
        /// It could write before, and the grant ended.
        was_removed: bool,
        may_invite: bool,
    },
    /// Somebody has a name that somebody else had before.
    SameName {
        who: Who,
    },
    Broke {
        who: Who,
        why: String,
    },
    Net(String),
    Members(Vec<Person>),
    Requests {
        /// Each with whether it was removed before.
        asking: Vec<(Who, bool)>,
        may_invite: bool,
    },
    Door(Door),
    Help,
    /// Something went well.
    Done(String),
    /// Something did not.
    Wrong(String),
    /// A message that could not be sent, and why. Nothing of it is lost: a front end offers it again.
    NotSent {
        text: String,
        why: String,
    },
    /// A message that is sent as soon as it may be.
    Waits {
        text: String,
        why: String,
    },
}
