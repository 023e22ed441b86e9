//! The key of a writer, as somebody gives it.

use std::str::FromStr;

use hyperlog::{NodeId, WriterId};
use hyperlog_writers::Channel;

use crate::error::Failure;

/// 32 bytes that are to be the key of a writer. By mistake they may be the channel's, which is a hash, and a valid key of a
/// writer only by chance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GivenKey([u8; 32]);

/// A text that is no key at all.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a key takes 64 hexadecimal digits")]
pub(crate) struct NotHex;

impl FromStr for GivenKey {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        // As an id is written.
        let id: NodeId = text.parse().map_err(|_| NotHex)?;
        Ok(Self(*id.as_bytes()))
    }
}

impl GivenKey {
    /// The writer whose key it is, for a command.
    pub(super) fn writer(&self, channel: &Channel, call: &'static str) -> Result<WriterId, Failure> {
        if self.0 == *channel.key().topic().as_bytes() {
            return Err(Failure::ChannelsKey { call });
        }
        WriterId::from_bytes(self.0).map_err(|source| Failure::NoWritersKey { call, source })
    }
}
