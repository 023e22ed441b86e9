//! Reading bytes that somebody else wrote: a cursor that refuses instead of panicking.

use std::fmt;

use bytes::{Buf, Bytes};

use crate::ids::{EntryId, WriterId};

/// Bytes that do not decode, with the place where decoding gave up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed at byte {at}: {what}")]
pub struct Malformed {
    /// Offset from the start of the input, in bytes.
    pub at: usize,
    /// What was expected there.
    pub what: &'static str,
}

/// A cursor over foreign bytes. Parts are taken out without copying.
#[derive(Clone)]
pub struct Input {
    rest: Bytes,
    at: usize,
}

impl fmt::Debug for Input {
    /// Shows lengths, never the contents: values can be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({} bytes, at byte {})", self.rest.len(), self.at)
    }
}

impl Input {
    /// Starts at the first byte.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        Self { rest: bytes, at: 0 }
    }

    /// Bytes that are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The refusal of what was read last, or of what should come next.
    #[must_use]
    pub fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { at: self.at, what }
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when fewer are left; nothing is allocated for bytes that are not there.
    pub fn take(&mut self, n: usize) -> Result<Bytes, Malformed> {
        if n > self.rest.len() {
            return Err(self.malformed("more bytes, but the input ends"));
        }
        self.at += n;
        Ok(self.rest.split_to(n))
    }

    /// All that is left.
    #[must_use]
    pub fn take_rest(&mut self) -> Bytes {
        self.at += self.rest.len();
        std::mem::take(&mut self.rest)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut out = [0; N];
        self.take(N)?.copy_to_slice(&mut out);
        Ok(out)
    }

    /// One byte.
    ///
    /// # Errors
    ///
    /// [`Malformed`] at the end of the input.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes, little-endian.
    ///
    /// # Errors
    ///
    /// [`Malformed`] at the end of the input.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, little-endian.
    ///
    /// # Errors
    ///
    /// [`Malformed`] at the end of the input.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    ///
    /// [`Malformed`] at the end of the input.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number in LEB128, in its shortest form only: one value has one encoding.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when it is over-long, larger than 64 bits, or cut.
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.malformed("a number of at most 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 {
                    Err(self.malformed("a number in its shortest form"))
                } else {
                    Ok(value)
                };
            }
        }
        Err(self.malformed("a number of at most ten bytes"))
    }

    /// A varint that must fit in memory.
    ///
    /// # Errors
    ///
    /// As [`varint`](Self::varint).
    pub fn length(&mut self) -> Result<usize, Malformed> {
        let n = self.varint()?;
        usize::try_from(n).map_err(|_| self.malformed("a length that fits in memory"))
    }

    /// An id of 32 bytes.
    ///
    /// # Errors
    ///
    /// [`Malformed`] at the end of the input.
    pub fn id(&mut self) -> Result<EntryId, Malformed> {
        self.array().map(EntryId::from_bytes)
    }

    /// The key of a writer, checked.
    ///
    /// # Errors
    ///
    /// [`Malformed`] at the end of the input, or when the bytes are no acceptable key.
    pub fn writer(&mut self) -> Result<WriterId, Malformed> {
        let bytes = self.array()?;
        WriterId::from_bytes(bytes).map_err(|_| self.malformed("a canonical, strong Ed25519 key"))
    }

    /// Refuses trailing bytes.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when something is left.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed("the end of the input")) }
    }
}

/// Appends `value` in LEB128, in its shortest form: 1 to 10 bytes.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_encoding() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut input = Input::new(out.clone().into());
            assert_eq!(input.varint(), Ok(value));
            assert_eq!(input.end(), Ok(()));
            // One byte longer, and it is refused.
            let last = out.len() - 1;
            out[last] |= 0x80;
            out.push(0);
            assert!(Input::new(out.into()).varint().is_err(), "{value}");
        }
    }

    #[test]
    fn a_cut_input_is_refused() {
        let mut input = Input::new(Bytes::from_static(&[0x80]));
        assert!(input.varint().is_err());
        assert!(Input::new(Bytes::from_static(&[1, 2, 3])).u32().is_err());
        assert!(Input::new(Bytes::from_static(&[1, 2, 3])).take(usize::MAX).is_err());
    }
}
