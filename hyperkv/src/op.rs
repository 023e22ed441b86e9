//! The bytes of an operation, which are the value of its node. See `docs/format.md`, "map".

use bytes::{Buf, BufMut, Bytes};

/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 1024;

// No text in UTF-8 begins with these, so that a log can hold other things beside a map.
const PUT: u8 = 0xf8;
const DEL: u8 = 0xf9;
const PUT_FIELDS: u8 = 0xfa;
const DEL_FIELDS: u8 = 0xfb;

/// What a node says of one key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) key: Bytes,
    pub(crate) body: Body,
}

/// An operation without its key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Body {
    /// What the application says of the operation.
    pub(crate) fields: Bytes,
    /// None deletes.
    pub(crate) value: Option<Bytes>,
}

pub(crate) const fn is_key(key: &[u8]) -> bool {
    !key.is_empty() && key.len() <= KEY_BYTES_MAX
}

impl Op {
    /// The key is one: the caller has checked it.
    pub(crate) fn encode(&self) -> Bytes {
        let Self { key, body } = self;
        let mut out = Vec::with_capacity(3 + key.len() + body.len());
        out.put_u8(body.tag());
        out.put_u16(u16::try_from(key.len()).expect("a key is shorter than 64 KiB"));
        out.put_slice(key);
        body.put(&mut out);
        out.into()
    }

    /// None for anything that [`encode`](Self::encode) would not write: it is no operation, for nobody.
    pub(crate) fn decode(bytes: &Bytes) -> Option<Self> {
        let mut input = bytes.clone();
        let tag = input.try_get_u8().ok()?;
        let len = usize::from(input.try_get_u16().ok()?);
        if len > input.len() {
            return None;
        }
        let key = input.split_to(len);
        let body = Body::take(tag, input)?;
        is_key(&key).then_some(Self { key, body })
    }
}

impl Body {
    const fn tag(&self) -> u8 {
        match (&self.value, self.fields.is_empty()) {
            (Some(_), true) => PUT,
            (None, true) => DEL,
            (Some(_), false) => PUT_FIELDS,
            (None, false) => DEL_FIELDS,
        }
    }

    fn len(&self) -> usize {
        let fields = if self.fields.is_empty() { 0 } else { 4 + self.fields.len() };
        fields + self.value.as_ref().map_or(0, Bytes::len)
    }

    /// Bytes that it takes in the view.
    pub(crate) fn held_len(&self) -> usize {
        1 + self.len()
    }

    fn put(&self, out: &mut Vec<u8>) {
        if !self.fields.is_empty() {
            out.put_u32(u32::try_from(self.fields.len()).expect("a value is shorter than 4 GiB"));
            out.put_slice(&self.fields);
        }
        out.put_slice(self.value.as_ref().map_or(&[], |value| value));
    }

    fn take(tag: u8, mut input: Bytes) -> Option<Self> {
        let fields = match tag {
            PUT | DEL => Bytes::new(),
            PUT_FIELDS | DEL_FIELDS => {
                let len = usize::try_from(input.try_get_u32().ok()?).ok()?;
                if len == 0 || len > input.len() {
                    return None;
                }
                input.split_to(len)
            }
            _ => return None,
        };
        match tag {
            PUT | PUT_FIELDS => Some(Self { fields, value: Some(input) }),
            _ => input.is_empty().then_some(Self { fields, value: None }),
        }
    }

    /// As it is kept in the view: with what tells a put from a delete, without the key.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(1 + self.len());
        out.put_u8(self.tag());
        self.put(&mut out);
        out.into()
    }

    pub(crate) fn decode(mut bytes: Bytes) -> Option<Self> {
        let tag = bytes.try_get_u8().ok()?;
        Self::take(tag, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(key: &str, fields: &str, value: Option<&str>) -> Op {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        Op { key: bytes(key), body: Body { fields: bytes(fields), value: value.map(bytes) } }
    }

    #[test]
    fn an_operation_has_these_bytes() {
        assert_eq!(&op("key", "", Some("value")).encode()[..], b"\xf8\0\x03keyvalue");
        assert_eq!(&op("key", "", None).encode()[..], b"\xf9\0\x03key");
        assert_eq!(&op("key", "why", Some("")).encode()[..], b"\xfa\0\x03key\0\0\0\x03why");
        assert_eq!(&op("key", "why", None).encode()[..], b"\xfb\0\x03key\0\0\0\x03why");
    }

    #[test]
    fn what_is_encoded_decodes_and_nothing_else_does() {
        for op in [op("k", "", Some("v")), op("k", "", None), op("k", "f", Some("v")), op("k", "f", None)] {
            let bytes = op.encode();
            assert!(Op::decode(&bytes) == Some(op.clone()));
            assert!(Body::decode(op.body.encode()) == Some(op.body));
            let long = Bytes::from([&bytes[..], b"more"].concat());
            assert!(Op::decode(&long).is_none_or(|longer| longer.encode() == long));
            for end in 0..bytes.len() {
                let short = bytes.slice(..end);
                assert!(Op::decode(&short).is_none_or(|shorter| shorter.encode() == short));
            }
        }
        let long = Op { key: vec![b'k'; KEY_BYTES_MAX + 1].into(), body: op("k", "", None).body };
        for bytes in [
            &b""[..],
            b"\xf8",
            b"\xf8\0",
            b"\xf8\0\0value",
            b"\xf9\0\x01kmore",
            b"\xfa\0\x01k\0\0\0\0v",
            b"\xfa\0\x01k\xff\xff\xff\xffv",
            b"\xfc\0\x01k",
            b"{\"k\":\"a\",\"v\":1}",
            &long.encode(),
        ] {
            assert!(Op::decode(&Bytes::copy_from_slice(bytes)).is_none(), "{bytes:02x?}");
        }
    }
}
