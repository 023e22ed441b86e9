//! What the nodes of a channel say: see `docs/format.md`, "channels". One value has one encoding.

use bytes::Bytes;
use hyperlog::{Input, Malformed, NodeId, Purpose, Topic, WriterId, hash};

use crate::role::Role;

/// The most nodes that a revocation names to be kept. A constant of the format.
pub const KEEP_MAX: usize = 16;
/// The most bytes of a channel's name. A constant of the format.
pub const NAME_BYTES_MAX: usize = 64;

/// What founds a channel: the value of its first node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Genesis {
    /// The root key: all authority comes from it.
    pub root: WriterId,
    /// What tells channels of one root key and one name apart.
    pub nonce: [u8; 32],
    /// What the founder called it, 1 to 64 bytes. Nobody vouches for it.
    pub name: String,
}

impl Genesis {
    pub(crate) fn new(root: WriterId, nonce: [u8; 32], name: &str) -> Option<Self> {
        (1..=NAME_BYTES_MAX).contains(&name.len()).then(|| Self { root, nonce, name: name.to_owned() })
    }

    pub(crate) fn encode(&self) -> Bytes {
        [self.root.as_bytes(), &self.nonce, self.name.as_bytes()].concat().into()
    }

    /// Checks the root's key, too.
    pub(crate) fn decode(value: &Bytes) -> Result<Self, Malformed> {
        let mut input = Input::new(value.clone());
        let (root, nonce) = (input.writer()?, input.array()?);
        let refused = input.malformed("a name of 1 to 64 bytes of UTF-8");
        let name = input.take_rest();
        std::str::from_utf8(&name).ok().and_then(|name| Self::new(root, nonce, name)).ok_or(refused)
    }

    /// What a log of this channel is about: the hash of all that is said here.
    pub(crate) fn topic(&self) -> Topic {
        Topic::from_bytes(hash(Purpose::Topic, &[&self.encode()]))
    }
}

/// Somebody may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) key: WriterId,
    pub(crate) role: Role,
}

impl Grant {
    pub(crate) fn encode(self) -> Bytes {
        [&self.key.as_bytes()[..], &[self.role as u8]].concat().into()
    }

    /// Does not check the key.
    pub(crate) fn decode(value: &Bytes) -> Result<Self, Malformed> {
        let mut input = Input::new(value.clone());
        let (key, role) = (WriterId::from_stored(input.array()?), input.u8()?);
        let role = Role::from_byte(role).ok_or_else(|| input.malformed("a role"))?;
        input.end()?;
        Ok(Self { key, role })
    }
}

/// Somebody may not any more; what is kept of what was written under the grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revoke {
    pub(crate) grant: NodeId,
    /// Ascending, each once.
    pub(crate) keep: Vec<NodeId>,
}

impl Revoke {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = self.grant.as_bytes().to_vec();
        self.keep.iter().for_each(|id| out.extend_from_slice(id.as_bytes()));
        out.into()
    }

    pub(crate) fn decode(value: &Bytes) -> Result<Self, Malformed> {
        let mut input = Input::new(value.clone());
        let grant = input.id()?;
        let mut keep = Vec::new();
        while input.remaining() > 0 && keep.len() < KEEP_MAX {
            keep.push(input.id()?);
        }
        input.end()?;
        if !keep.is_sorted_by(|a, b| a < b) {
            return Err(input.malformed("nodes to keep in ascending order, each once"));
        }
        Ok(Self { grant, keep })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What decodes is what it encodes to.
    fn canonical<T>(
        value: &[u8],
        decode: fn(&Bytes) -> Result<T, Malformed>,
        encode: fn(&T) -> Bytes,
    ) -> bool {
        let value = Bytes::copy_from_slice(value);
        decode(&value).is_ok_and(|decoded| {
            assert_eq!(encode(&decoded), value);
            true
        })
    }

    #[test]
    fn values_have_one_encoding_each() {
        let key = hyperlog::Identity::from_seed(&[1; 32]).writer();
        let genesis = |value: &[u8]| canonical(value, Genesis::decode, Genesis::encode);
        let whole = Genesis::new(key, [7; 32], "name").unwrap().encode();
        assert!(genesis(&whole) && genesis(&whole[..65]));
        assert!((0..65).all(|end| !genesis(&whole[..end])), "cut short, or without a name");
        assert!(
            genesis(&[&whole[..64], &[b'x'; 64]].concat()) && !genesis(&[&whole[..64], &[b'x'; 65]].concat())
        );
        assert!(!genesis(&[&whole[..64], &[0xff]].concat()), "no UTF-8");
        assert!(!genesis(&[&[1][..], &[0; 31], &whole[32..]].concat()), "a weak key");
        assert!(Genesis::new(key, [7; 32], "").is_none());

        let grant = |value: &[u8]| canonical(value, Grant::decode, |grant| grant.encode());
        let whole = Grant { key, role: Role::Admin }.encode();
        assert!(grant(&whole) && (0..33).all(|end| !grant(&whole[..end])));
        assert!((0..=255).all(|role| grant(&[&whole[..32], &[role]].concat()) == (role == 1 || role == 2)));
        assert!(!grant(&[&whole[..], &[0]].concat()));

        let revoke = |value: &[u8]| canonical(value, Revoke::decode, Revoke::encode);
        let ids: Vec<u8> = (0..18).flat_map(|n| [n; 32]).collect();
        for bytes in 0..=ids.len() {
            let whole = bytes % 32 == 0 && (1..=17).contains(&(bytes / 32));
            assert_eq!(revoke(&ids[..bytes]), whole, "{bytes} bytes");
        }
        assert!(
            !revoke(&[[1; 32], [2; 32], [2; 32]].concat()) && !revoke(&[[1; 32], [3; 32], [2; 32]].concat())
        );
    }
}
