//! What can go wrong with a chat.

use hyperlog_writers::{FoundError, NotAuthorized};

use crate::post::TEXT_BYTES_MAX;
use crate::sanitize::NAME_CHARS_MAX;

/// Why a chat could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that nothing is left of once it is fit to be shown.
    #[error("a name has 1 to {NAME_CHARS_MAX} characters that can be seen, and none of them is ~")]
    Name,
    /// A message without text.
    #[error("a message says something: this one is empty")]
    Empty,
    /// A message that is too long.
    #[error("a message has at most {TEXT_BYTES_MAX} bytes, this one has {len}: split it")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The storage holds another channel than the one that was asked for.
    #[error("there is another channel in this storage: open it without a key, or take another storage")]
    OtherChannel,
    /// The local key may not write now. Reading goes on.
    #[error(transparent)]
    NotAuthorized(NotAuthorized),
    /// A subscriber's name that cannot be one.
    #[error("the name of a subscriber has 1 to {} bytes", crate::feed::SUBSCRIBER_BYTES_MAX)]
    Subscriber,
    /// Nobody of that name, or several.
    #[error("{what}")]
    Who {
        /// Which of the two.
        what: String,
    },
    /// The system gave no randomness.
    #[error("the system gave no randomness: {0}")]
    Random(String),
    /// The key in the storage is none.
    #[error("the row with the local key is damaged: restore the storage from a backup")]
    DamagedKey,
    /// A row of the view is none that it wrote.
    #[error("a row of the chat's view is damaged: reindex it")]
    Damaged,
    /// The channel could not be founded.
    #[error(transparent)]
    Found(#[from] FoundError),
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] hyperlog::OpenError),
    /// What the channel says.
    #[error(transparent)]
    Channel(#[from] hyperlog_writers::Error),
    /// What the map says.
    #[error(transparent)]
    Map(hyperkv::Error),
    /// What the view says.
    #[error(transparent)]
    Index(#[from] hyperlog_index::Error),
    /// What the store says.
    #[error(transparent)]
    Store(#[from] level::Error),
}

impl From<hyperkv::Error> for Error {
    fn from(error: hyperkv::Error) -> Self {
        match NotAuthorized::behind(&error) {
            Some(why) => Self::NotAuthorized(why.clone()),
            None => Self::Map(error),
        }
    }
}

impl From<hyperlog::Error> for Error {
    fn from(error: hyperlog::Error) -> Self {
        hyperkv::Error::Log(error).into()
    }
}
