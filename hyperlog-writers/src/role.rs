//! What a grant allows.

use std::fmt;

/// What a grant allows. The higher one includes the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum Role {
    /// Write data.
    Writer = 1,
    /// Write data, grant, and revoke what comes from one's own grants.
    Admin = 2,
}

impl Role {
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Writer),
            2 => Some(Self::Admin),
            _ => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Writer => "writer",
            Self::Admin => "admin",
        })
    }
}
