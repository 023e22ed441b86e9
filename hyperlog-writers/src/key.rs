//! The name of a channel among machines.

use std::fmt;
use std::str::FromStr;

use hyperlog::{NodeId, Topic};

/// The key of a channel: what is handed around so that others can find and read it. Knowing it grants no
/// writing. In text it is 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelKey([u8; 32]);

impl ChannelKey {
    /// What a log of the channel is about.
    #[must_use]
    pub const fn topic(&self) -> Topic {
        Topic::from_bytes(self.0)
    }
}

impl From<Topic> for ChannelKey {
    fn from(topic: Topic) -> Self {
        Self(*topic.as_bytes())
    }
}

impl fmt::Display for ChannelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChannelKey {
    /// Does not show it: whoever knows it can read along.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelKey(..)")
    }
}

/// A text that is not the key of a channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key of a channel takes 64 hexadecimal digits")]
pub struct ParseKeyError;

impl FromStr for ChannelKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        // As an id is written, and not all zeros: that is what open logs are about.
        let id: NodeId = text.parse().map_err(|_| ParseKeyError)?;
        let topic = Topic::from_bytes(*id.as_bytes());
        if topic == Topic::OPEN { Err(ParseKeyError) } else { Ok(topic.into()) }
    }
}
