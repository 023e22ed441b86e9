//! What a peer announces is not allocated. In a process of its own, with one thread that works.
//!
//! The allocator maps whatever takes 128 KiB or more, so that one such allocation, touched or not, shows in the
//! largest size that the process ever had; no allocator of our own is needed to see it.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use level::Memory;
use scuttleup::{Group, Identity, Log, Plain, Topic};

/// Sizes of this process in KiB: now, and at most until now.
fn sizes() -> (u64, u64) {
    let status = std::io::read_to_string(std::io::BufReader::new(open("/proc/self/status"))).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    (field("VmSize:"), field("VmPeak:"))
}

#[expect(clippy::disallowed_methods, reason = "the system tells the size of a process in a file")]
fn open(path: &str) -> std::fs::File {
    std::fs::File::open(path).unwrap()
}

/// By how many KiB the process was larger than ever, at the worst moment of `work`.
fn grown_by(work: impl FnOnce()) -> u64 {
    // Fills up to the largest size so far, so that the next large allocation shows.
    let (now, peak) = sizes();
    let filler = vec![0u8; ((peak - now) as usize) << 10];
    let (_, before) = sizes();
    work();
    let (_, after) = sizes();
    drop(filler);
    after - before
}

#[test]
fn a_few_hostile_bytes_allocate_less_than_128_kib() {
    let log = Log::open(Memory::new(), Identity::from_seed(&[1; 32])).unwrap();
    log.append("warm").unwrap();
    let table = [&[1], Identity::from_seed(&[2; 32]).writer().as_bytes().as_slice()].concat();
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1].as_slice();
    let million = [0x80, 0x80, 0x40].as_slice();
    let groups: Vec<Vec<u8>> = [huge, million]
        .into_iter()
        .flat_map(|n| {
            [
                n.to_vec(),
                [n, &table[1..]].concat(),
                [&table, n].concat(),
                [&table, [0, 1].as_slice(), n].concat(),
                [&table, [0, 1].as_slice(), n, &[0, 0, 0, 0, 0, 0]].concat(),
                [&table, [0, 1, 1, 0].as_slice(), n].concat(),
                [&table, [0, 1, 1, 2].as_slice(), n, &[7; 32]].concat(),
            ]
        })
        .collect();
    let mut imports: Vec<Vec<u8>> = vec![b"hlexport".to_vec()];
    for length in [0xffff_ffffu32, 1 << 30, 1 << 20, 1 << 16, UNIT] {
        imports.push([b"hlexport".as_slice(), &length.to_be_bytes(), &[1, 1]].concat());
        imports.push([b"hlexport".as_slice(), &length.to_be_bytes(), &[2]].concat());
    }
    let hostile = || {
        for bytes in &groups {
            assert!(Group::decode(bytes.clone().into(), Topic::OPEN, &Plain).is_err());
        }
        for bytes in &imports {
            assert!(log.import(bytes.as_slice()).is_err());
        }
    };
    // Once unmeasured: what a first use sets up is not the peer's.
    hostile();
    assert!(groups.iter().all(|bytes| bytes.len() <= 100));
    // The controls: allocations that are never touched, and are noticed.
    for kib in [200, 1 << 20] {
        let control = grown_by(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(kib << 10))));
        assert!(control >= 128, "{kib} KiB were seen as {control}");
    }
    let grown = grown_by(hostile);
    assert!(grown < 128, "{grown} KiB");
}

const UNIT: u32 = scuttleup::UNIT_BYTES as u32;
