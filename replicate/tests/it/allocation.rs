//! What a peer only announces takes no memory.

use bytes::{BufMut, BytesMut};
use replicate::{AHEAD_BYTES, Frames, GROUP_BYTES_MAX, List, MAGIC};
use serde::Deserialize;
use serde::de::value::{Error, SeqDeserializer};

#[test]
fn a_huge_length_allocates_nothing() {
    let mut frames = Frames::default();
    let mut arrived = BytesMut::from(&MAGIC[..]);
    assert_eq!(frames.decode(&mut arrived), Ok(None));
    arrived.put_u32(GROUP_BYTES_MAX as u32);
    arrived.put_u8(5);
    assert_eq!(frames.decode(&mut arrived), Ok(None));
    assert!(arrived.capacity() < 128 << 10, "{}", arrived.capacity());
    // Nor does the buffer run ahead while it fills.
    while arrived.len() < 300_000 {
        arrived.put_slice(&[0; 1_000]);
        assert_eq!(frames.decode(&mut arrived), Ok(None));
        // A buffer that grows doubles.
        let fair = 2 * arrived.len() + 2 * AHEAD_BYTES;
        assert!(arrived.capacity() <= fair, "{} of {fair}", arrived.capacity());
    }
}

#[test]
fn a_frame_that_cannot_be_allocates_nothing() {
    let mut arrived = BytesMut::from(&MAGIC[..]);
    arrived.put_slice(&[0xff; 5]);
    assert!(Frames::default().decode(&mut arrived).is_err());
    assert!(arrived.capacity() < 1_024);
}

/// Three items that say there are 2^60.
struct Boaster(u8);

impl Iterator for Boaster {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.0 = self.0.checked_sub(1)?;
        Some(self.0)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (1 << 60, Some(1 << 60))
    }
}

#[test]
fn a_count_that_is_announced_allocates_nothing() {
    let boaster: SeqDeserializer<_, Error> = SeqDeserializer::new(Boaster(3));
    let list = List::<u8>::deserialize(boaster).unwrap();
    assert_eq!(list.0, [2, 1, 0]);
    assert!(list.0.capacity() < 64);
}

fn postcard_count(count: u64) -> Vec<u8> {
    postcard::to_allocvec(&count).unwrap()
}

/// A list of each kind that a message has, with 2^60 items announced and none or a few there.
#[test]
fn count_bombs_are_errors() {
    let bomb = postcard_count(1 << 60);
    let mut hello = postcard::to_allocvec("toy").unwrap();
    hello.extend([0; 32 + 3 + 32 + 3]);
    let bodies: [(u8, Vec<u8>); 9] = [
        // Text, named writers, metadata.
        (1, bomb.clone()),
        (1, [&hello[..], &[1], &bomb].concat()),
        (1, [&hello[..], &[2], &bomb].concat()),
        (1, [&hello[..], &[0], &bomb].concat()),
        // Ranges, a bound, tips.
        (2, bomb.clone()),
        (2, [&[1][..], &bomb].concat()),
        (2, [&[1, 0, 0, 2][..], &bomb].concat()),
        (3, [&[1][..], &[0; 32], &bomb].concat()),
        (7, bomb.clone()),
    ];
    for (kind, body) in bodies {
        for rest in [0, 1_000] {
            let mut arrived = BytesMut::from(&MAGIC[..]);
            arrived.put_u32((body.len() + rest) as u32);
            arrived.put_u8(kind);
            arrived.put_slice(&body);
            arrived.put_bytes(0, rest);
            let result = Frames::default().decode(&mut arrived);
            assert!(result.is_err(), "{kind} {body:?}");
        }
    }
}
