//! Who lets newcomers in, and how they ask.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyperlog::{Identity, WriterId};
use hyperlog_writers::ChannelKey;
use replicate::Prover;
use serde::{Deserialize, Serialize};

use crate::fingerprint::signed_name;
use crate::sanitize::sanitize_name;

/// What this peer does when somebody connects who may not write. A matter of each peer alone: it takes effect while an admin
/// runs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// Whoever connects becomes a writer, as in the workshop: everybody who has the key of the channel. Only who was removed
    /// before does not get in again, under the same key.
    Open,
    /// Who wants to write asks, and an admin grants it or not.
    #[default]
    Ask,
    /// Nobody is heard: an admin invites by key.
    Invite,
}

/// A text that is no door.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a door: it is open, ask or invite")]
pub struct ParseDoorError(String);

impl FromStr for Door {
    type Err = ParseDoorError;

    fn from_str(text: &str) -> Result<Self, ParseDoorError> {
        match text {
            "open" => Ok(Self::Open),
            "ask" => Ok(Self::Ask),
            "invite" => Ok(Self::Invite),
            other => Err(ParseDoorError(other.chars().take(32).collect())),
        }
    }
}

impl std::fmt::Display for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Ask => "ask",
            Self::Invite => "invite",
        })
    }
}

/// Somebody asks to write. Signed, so that members can pass it on to an admin who has no connection to who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JoinRequest {
    /// Who asks.
    pub key: WriterId,
    /// What it calls itself: sanitized, and a claim.
    pub username: String,
    /// When it asked, by its own clock: milliseconds since 1970.
    pub timestamp: u64,
    /// Whether it had a grant that ended: it was removed, or gave it back. Somebody may even have kept an old request, and tell it
    /// again.
    pub was_removed: bool,
}

impl JoinRequest {
    /// Name and fingerprint: `ben~k3f7q2ab`.
    #[must_use]
    pub fn label(&self) -> String {
        signed_name(&self.username, &self.key)
    }
}

/// A request as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signed {
    key: [u8; 32],
    username: String,
    timestamp: u64,
    /// Two halves: serde has no arrays of 64.
    signature: ([u8; 32], [u8; 32]),
}

/// What is signed begins with this: a signature for anything else never fits.
const LABEL: &[u8] = b"saga/1 join";

fn message(channel: &ChannelKey, username: &str, timestamp: u64) -> Vec<u8> {
    [LABEL, channel.topic().as_bytes(), &timestamp.to_be_bytes(), username.as_bytes()].concat()
}

impl Signed {
    /// None when the signer refuses.
    pub(crate) fn new(
        identity: &Identity,
        channel: &ChannelKey,
        username: String,
        timestamp: u64,
    ) -> Option<Self> {
        let proof = identity.prove(&message(channel, &username, timestamp)).ok()?;
        let (mut one, mut two) = ([0; 32], [0; 32]);
        let (first, second) = proof.split_at(32);
        one.copy_from_slice(first);
        two.copy_from_slice(second);
        Some(Self { key: identity.key(), username, timestamp, signature: (one, two) })
    }

    /// The request, if it is by whom it says, for this channel, and has a name. Some 50 µs. Whether it was removed before is not
    /// looked at.
    pub(crate) fn verify(&self, by: &Identity, channel: &ChannelKey) -> Option<JoinRequest> {
        let Self { key, username, timestamp, signature: (one, two) } = self;
        let mut proof = [0; 64];
        proof.iter_mut().zip(one.iter().chain(two)).for_each(|(to, from)| *to = *from);
        let key_of = WriterId::from_bytes(*key).ok()?;
        let clean = sanitize_name(username)?;
        let signed = by.verify(key, &message(channel, username, *timestamp), &proof);
        signed.then_some(JoinRequest {
            key: key_of,
            username: clean,
            timestamp: *timestamp,
            was_removed: false,
        })
    }
}

/// Requests that are kept: of more, the oldest is forgotten, and can be made again.
const REQUESTS_MAX: usize = 64;

/// Requests that came and were not granted yet, in memory.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    next: u64,
    requests: BTreeMap<WriterId, Heard>,
    /// Somebody lets in those who ask.
    admitting: bool,
}

#[derive(Clone, Debug)]
struct Heard {
    /// The higher, the later.
    place: u64,
    request: JoinRequest,
    signed: Signed,
}

impl Requests {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is news: nobody has asked with this key, or under another name.
    pub(crate) fn take(&self, request: &JoinRequest, signed: &Signed) -> bool {
        let mut kept = self.kept();
        let before = kept.requests.get(&request.key).map(|heard| &heard.request);
        if before.is_some_and(|before| before.timestamp >= request.timestamp) {
            return false;
        }
        let is_new = before.is_none_or(|before| before.username != request.username);
        kept.next += 1;
        let heard = Heard { place: kept.next, request: request.clone(), signed: signed.clone() };
        kept.requests.insert(request.key, heard);
        if kept.requests.len() > REQUESTS_MAX {
            let oldest = kept.requests.iter().min_by_key(|(_, heard)| heard.place).map(|(key, _)| *key);
            oldest.and_then(|key| kept.requests.remove(&key));
        }
        is_new
    }

    /// Whether nobody lets in those who ask; then the caller does.
    pub(crate) fn begin_admitting(&self) -> bool {
        !std::mem::replace(&mut self.kept().admitting, true)
    }

    /// The next to be let in. None when nobody is left; then somebody else has to begin.
    pub(crate) fn next_to_admit(&self) -> Option<JoinRequest> {
        let mut kept = self.kept();
        let asking = kept.requests.values().filter(|heard| !heard.request.was_removed);
        let first = asking.min_by_key(|heard| heard.place).map(|heard| heard.request.key);
        let next = first.and_then(|key| kept.requests.remove(&key)).map(|heard| heard.request);
        kept.admitting = next.is_some();
        next
    }

    pub(crate) fn done(&self, key: &WriterId) {
        self.kept().requests.remove(key);
    }

    fn in_order(&self) -> Vec<Heard> {
        let mut list: Vec<_> = self.kept().requests.values().cloned().collect();
        list.sort_unstable_by_key(|heard| heard.place);
        list
    }

    /// Oldest first.
    pub(crate) fn list(&self) -> Vec<JoinRequest> {
        self.in_order().into_iter().map(|heard| heard.request).collect()
    }

    /// To pass on, oldest first.
    pub(crate) fn signed(&self) -> Vec<Signed> {
        self.in_order().into_iter().map(|heard| heard.signed).collect()
    }
}
