//! What the tests share.

use hyperlog::{Hyperlog, Identity, Memory, Utf8, WriterId};
use hyperlog_writers::{Channel, ChannelKey, Role};

/// A writer by number.
pub(crate) fn identity(n: u8) -> Identity {
    Identity::from_seed(&[n; 32])
}

/// The key of a writer by number.
pub(crate) fn key(n: u8) -> WriterId {
    identity(n).writer()
}

/// The root of channels of tests.
pub(crate) const ROOT: u8 = 200;

/// A channel founded by writer `n`.
pub(crate) fn found(n: u8) -> Channel<Utf8> {
    Channel::found("test", &identity(ROOT), identity(n), Memory::new()).unwrap()
}

/// The channel, for writer `n`, with nothing in it yet.
pub(crate) fn open(n: u8, channel: ChannelKey) -> Channel<Utf8> {
    Channel::open(Memory::new(), identity(n), channel).unwrap()
}

/// As [`open`], on a level of one's own.
pub(crate) fn open_on(level: impl hyperlog::Level + 'static, n: u8, channel: ChannelKey) -> Channel<Utf8> {
    Channel::open(level, identity(n), channel).unwrap()
}

pub(crate) fn export(channel: &Channel<Utf8>) -> Vec<u8> {
    let mut out = Vec::new();
    channel.log().export(&mut out).unwrap();
    out
}

/// The channel of `of`, for writer `n`, with all that is there.
pub(crate) fn join(n: u8, of: &Channel<Utf8>) -> Channel<Utf8> {
    let channel = open(n, of.key());
    sync(&channel, of);
    channel
}

pub(crate) fn sync(a: &Channel<Utf8>, b: &Channel<Utf8>) {
    let report = replicate::sync(a.log(), b.log()).unwrap();
    assert!(report.equal, "{report:?}");
}

/// The values that count, in local order.
pub(crate) fn values(log: &Hyperlog<Utf8>) -> Vec<String> {
    let nodes = log.changes(hyperlog::Read::all()).map(Result::unwrap);
    nodes.filter(|node| !log.is_void(&node.id).unwrap()).filter_map(|node| node.value().cloned()).collect()
}

pub(crate) fn members(channel: &Channel<Utf8>) -> Vec<(WriterId, Role)> {
    channel.members().unwrap().into_iter().map(|member| (member.key, member.role)).collect()
}
