//! A peer that knows the channel's key, has a key of its own, and keeps no rule after that.

use std::time::Duration;

use hyperlog::{Binary, Hyperlog};
use hyperlog_writers::Channel;
use replicate::mux::{Mux, MuxLimits, MuxStream, mux};
use replicate::noise::{Side, secure};
use replicate::{Frames, Hello, Message, Mode, Options, Prover, Report, Session, Stop, SyncError, Takes};
use saga::{ChannelKey, ConnectError, Identity, Memory, Saga, WriterId};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

/// A request to join, as it travels: the bytes are part of the protocol.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) key: [u8; 32],
    pub(crate) username: String,
    pub(crate) timestamp: u64,
    pub(crate) signature: ([u8; 32], [u8; 32]),
}

impl Asked {
    pub(crate) fn new(by: &Identity, channel: &ChannelKey, username: &str, timestamp: u64) -> Self {
        let topic = channel.topic();
        let signed =
            [b"saga/1 join", &topic.as_bytes()[..], &timestamp.to_be_bytes(), username.as_bytes()].concat();
        let proof = by.prove(&signed).unwrap();
        let half = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).unwrap();
        let signature = (half(&proof[..32]), half(&proof[32..]));
        Self { key: by.key(), username: username.into(), timestamp, signature }
    }

    /// Length, the number of the kind of word, and what it says.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        word(&[&[0], &postcard::to_allocvec(self).unwrap()[..]].concat())
    }
}

/// A word of any content.
pub(crate) fn word(body: &[u8]) -> Vec<u8> {
    [&u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

pub(crate) struct Mallory {
    pub(crate) identity: Identity,
    pub(crate) channel: ChannelKey,
}

impl Mallory {
    pub(crate) fn new(of: &Saga) -> Self {
        Self { identity: Identity::generate(), channel: of.key() }
    }

    pub(crate) fn writer(&self) -> WriterId {
        self.identity.writer()
    }

    /// What an honest peer of that key and name says of itself.
    pub(crate) fn user_data(&self, username: &str) -> Vec<u8> {
        let data =
            serde_json::json!({ "username": username, "key": self.writer().to_string(), "timestamp": 1 });
        serde_json::to_vec(&data).unwrap()
    }

    /// Is connected, and has said nothing yet.
    pub(crate) async fn meet(&self, saga: &Saga) -> Meeting {
        let (left, right) = tokio::io::duplex(64 << 10);
        let saga = saga.clone();
        let ended = tokio::spawn(async move { saga.replicate(left).await });
        let topic = self.channel.topic();
        let secured = secure(right, &self.identity, topic.as_bytes()).await.unwrap();
        let side = secured.side;
        let (streams, driver) = mux(secured.stream, side, MuxLimits::default().streams(256));
        let driver = tokio::spawn(async move { drop(driver.await) });
        Meeting { ended, streams, side, driver }
    }

    /// A log of the channel, with nothing in it yet.
    pub(crate) fn log(&self) -> Hyperlog<Binary> {
        Channel::<Binary>::open(Memory::new(), self.identity.clone(), self.channel).unwrap().log().clone()
    }

    /// The first words of a peer that has nothing, and says this of itself.
    pub(crate) fn hello(&self, metadata: &[u8]) -> Message {
        Message::Hello(Box::new(Hello {
            kind: hyperlog_writers::KIND.into(),
            discovery_key: self.channel.topic().discovery_key(),
            mode: Mode::Sync,
            live: true,
            asks: false,
            digest: replicate::digest(&[]),
            tips: 0,
            writers: 0,
            entries: 0,
            takes: Takes::All,
            metadata: metadata.to_vec().into(),
        }))
    }

    /// Does its part, but for its words.
    pub(crate) async fn behave(&self, saga: &Saga, username: &str) -> Guest {
        self.sync(saga, &self.log(), self.user_data(username)).await
    }

    /// Syncs this log, live.
    pub(crate) async fn sync(&self, saga: &Saga, log: &Hyperlog<Binary>, metadata: Vec<u8>) -> Guest {
        let meeting = self.meet(saga).await;
        let (stream, talk) = meeting.open().await;
        let options = Options::default().live(true).metadata(metadata);
        let session = Session::new(log, options, Duration::ZERO).unwrap();
        let driver = replicate::Driver::new(session);
        let stop = driver.stop_handle();
        let (reader, writer) = tokio::io::split(stream);
        let session = tokio::spawn(driver.run(reader, writer));
        Guest { meeting, talk, session, stop }
    }
}

/// A connection that is secured.
pub(crate) struct Meeting {
    /// What the honest side says in the end.
    pub(crate) ended: JoinHandle<Result<Report, ConnectError>>,
    pub(crate) streams: Mux,
    pub(crate) side: Side,
    driver: JoinHandle<()>,
}

impl Meeting {
    /// The log's stream and that of words, as they should be.
    pub(crate) async fn open(&self) -> (MuxStream, MuxStream) {
        if self.side == Side::Initiator {
            return (self.named(b'l').await, self.named(b't').await);
        }
        let (mut log, mut talk) = (None, None);
        while log.is_none() || talk.is_none() {
            let mut stream = self.streams.accept().await.unwrap();
            match stream.read_u8().await.unwrap() {
                b'l' => log = Some(stream),
                _ => talk = Some(stream),
            }
        }
        (log.unwrap(), talk.unwrap())
    }

    pub(crate) async fn named(&self, name: u8) -> MuxStream {
        let mut stream = self.streams.open().await.unwrap();
        stream.write_all(&[name]).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }

    /// Why it ended, in full.
    pub(crate) async fn why(&mut self) -> String {
        let ended =
            tokio::time::timeout(Duration::from_secs(200), &mut self.ended).await.expect("it goes on");
        in_full(&ended.unwrap().expect_err("it ended in order"))
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A connection on which both sides do their part.
pub(crate) struct Guest {
    pub(crate) meeting: Meeting,
    pub(crate) talk: MuxStream,
    pub(crate) session: JoinHandle<Result<Report, SyncError>>,
    pub(crate) stop: Stop,
}

impl Guest {
    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        self.talk.write_all(bytes).await.unwrap();
        self.talk.flush().await.unwrap();
    }

    /// Says goodbye.
    pub(crate) async fn leave(mut self) {
        self.stop.stop();
        self.session.await.unwrap().unwrap();
        self.meeting.streams.close();
        drop(self.talk);
        (&mut self.meeting.ended).await.unwrap().unwrap();
    }
}

pub(crate) async fn say(stream: &mut MuxStream, frames: &mut Frames, message: &Message) {
    let mut out = bytes::BytesMut::new();
    frames.encode(message, &mut out);
    // Who is not believed any more may find the stream closed.
    let _ = stream.write_all(&out).await;
    let _ = stream.flush().await;
}

pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
