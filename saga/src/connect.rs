//! A connection to a peer: the log, live, and beside it what peers say to each other.

use std::io;
use std::time::Duration;

use hyperlog::WriterId;
use replicate::mux::{Mux, MuxError, MuxLimits, MuxStream, mux};
use replicate::noise::{NoiseError, Secured, Side, secure};
use replicate::{Cause, Driver, Event as SyncEvent, Limits, Options, Report, Session, SyncError};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::event::Event;
use crate::people::User;
use crate::saga::Saga;
use crate::sanitize::{sanitize, sanitize_name};
use crate::sessions::{Ending, Place};

/// What both streams begin with, so that it is known which is which.
const LOG: u8 = b'l';
const TALK: u8 = b't';

/// A stream must be secured within this time: somebody may still be walking to the other terminal.
const SECURE_WITHIN: Duration = Duration::from_secs(60);

/// Both streams must be open within this time.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// How long the last words may take to leave.
const LINGER: Duration = Duration::from_secs(2);

/// How long goodbyes may take.
const GOODBYE_WITHIN: Duration = Duration::from_secs(3);

/// Why a connection ended otherwise than in order. What was stored stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The other side could not be secured: it does not know the channel, or does not speak this.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// The other side keeps silent.
    #[error("the other side keeps silent: it did not finish the handshake in time")]
    Silent,
    /// The other side opens no streams to talk on.
    #[error("the other side did not open its streams in time")]
    NoStreams,
    /// The other side breaks the rules of several streams on one.
    #[error(transparent)]
    Mux(#[from] MuxError),
    /// The chat left while the connection was being made.
    #[error("the chat was left while the connection was being made")]
    Left,
    /// The stream broke before anything was said.
    #[error("the connection broke before anything was said")]
    Io(#[from] io::Error),
    /// The other side proved a key that cannot be a writer.
    #[error("the other side's key cannot be a writer")]
    Key(#[from] hyperlog::KeyError),
    /// The other side does not say who it is, or says it is somebody else than it proved to be.
    #[error("the other side {0}")]
    UserData(&'static str),
    /// The log or the disk here failed before the session began.
    #[error("the session could not begin")]
    Begin(#[source] Cause),
    /// The session did not end in order.
    #[error(transparent)]
    Sync(#[from] SyncError),
}

/// What a peer says of itself, as JSON in the metadata of the session.
#[derive(Serialize, Deserialize)]
struct UserData {
    username: String,
    key: String,
    timestamp: u64,
}

impl Saga {
    /// Syncs over any stream, live, until either side ends it: a pipe, a socket. The stream is encrypted, and both sides prove
    /// that they know the channel's key, and who they are, before anything else is said; they have a minute for it. For one that is
    /// secured already, see [`connect`](Self::connect).
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn replicate<S>(&self, stream: S) -> Result<Report, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut place = self.inner.sessions.begin();
        let topic = self.key().topic();
        let securing = secure(stream, &self.inner.identity, topic.as_bytes());
        let secured = tokio::select! {
            secured = timeout(SECURE_WITHIN, securing) => secured.map_err(|_| ConnectError::Silent)??,
            _ = place.told() => return Err(ConnectError::Left),
        };
        self.connect_at(place, secured).await
    }

    /// Syncs with a peer, live, until either side ends it. While that goes on the peer is one of the [`users`](Self::users);
    /// whether it may write is the [`Door`](crate::Door)'s matter.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn connect<S>(&self, peer: Secured<S>) -> Result<Report, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.connect_at(self.inner.sessions.begin(), peer).await
    }

    pub(crate) async fn connect_at<S>(&self, place: Place, peer: Secured<S>) -> Result<Report, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let key = WriterId::from_bytes(peer.peer)?;
        let side = peer.side;
        let (streams, driver) = mux(peer.stream, side, MuxLimits::default());
        let closer = streams.clone();
        let mut driver = std::pin::pin!(driver);
        let mut work = std::pin::pin!(self.converse(place, streams, side, key));
        let ended = tokio::select! {
            ended = &mut work => ended,
            // The session learns of it, and ends, too. Who broke the rules of the streams hears that.
            ended = &mut driver => {
                let work = work.await;
                return self.tell_end(key, match ended {
                    Err(error @ (MuxError::TooManyStreams { .. } | MuxError::Protocol(_))) => Err(error.into()),
                    _ => work,
                });
            }
        };
        closer.close();
        // Who does not listen to our last words in time does not need them.
        let _ = timeout(LINGER, driver).await;
        self.tell_end(key, ended)
    }

    /// Says goodbye to all who are connected: what was written until now reaches them first. Takes at most some seconds: who does not
    /// answer is left.
    pub async fn disconnect(&self) {
        if timeout(GOODBYE_WITHIN, self.inner.sessions.end()).await.is_err() {
            // Each has some seconds for last words, and then ends by itself.
            let _ = timeout(2 * GOODBYE_WITHIN, self.inner.sessions.abort()).await;
        }
    }

    fn tell_end(&self, key: WriterId, ended: Result<Report, ConnectError>) -> Result<Report, ConnectError> {
        ended.inspect_err(|error| {
            let why = in_full(error);
            tracing::info!(target: "saga", "the connection to {key:?} broke: {why}");
            // A line that breaks is no news: it may be back at once, or another one has taken its place. Else its end is told as a leave.
            if !matches!(error, ConnectError::Sync(error) if !has_left(error)) {
                self.inner.events.send(Event::Broke { key, why });
            }
        })
    }

    /// The session on one stream, talk on the other.
    async fn converse(
        &self,
        mut place: Place,
        streams: Mux,
        side: Side,
        key: WriterId,
    ) -> Result<Report, ConnectError> {
        let (log, talk) = tokio::select! {
            opened = timeout(OPEN_WITHIN, open(&streams, side)) => opened.map_err(|_| ConnectError::NoStreams)??,
            _ = place.told() => return Err(ConnectError::Left),
        };
        let options = Options::default().live(true).limits(Limits::on_a_socket()).metadata(self.user_data());
        let replica = self.channel().log().clone();
        let began = spawn_blocking(move || Session::new(&replica, options, Duration::ZERO)).await;
        let session = began.map_err(io::Error::other)?.map_err(ConnectError::Begin)?;
        let (met, mut user_data) = mpsc::channel(1);
        let driver = Driver::new(session).on_event(move |event| {
            if let SyncEvent::Met(peer) = event {
                // Once a session.
                let _ = met.try_send(peer.metadata);
            }
        });
        let stop = driver.stop_handle();
        let (reader, writer) = tokio::io::split(log);
        let mut session = std::pin::pin!(driver.run(reader, writer));
        let talk = self.talk(talk, key);
        let mut talk = std::pin::pin!(talk);
        let mut presence = None;
        let (mut fault, mut talks) = (None, true);
        let ended = loop {
            tokio::select! {
                ended = &mut session => break ended,
                Some(metadata) = user_data.recv() => match user_of(key, &metadata) {
                    Ok(user) => presence = Some(self.welcome(user)),
                    Err(why) => {
                        fault = Some(why);
                        stop.abort();
                    }
                },
                // Who is not here yet asks nothing yet.
                () = &mut talk, if talks && presence.is_some() => talks = false,
                ending = place.told() => match ending {
                    Ending::Open => {}
                    Ending::Goodbye => stop.stop(),
                    Ending::Abort => stop.abort(),
                },
            }
        };
        if let Some(presence) = presence {
            presence.end(ended.as_ref().map_or_else(has_left, |_| true));
        }
        match fault {
            Some(why) => Err(ConnectError::UserData(why)),
            None => Ok(ended?),
        }
    }

    fn user_data(&self) -> Vec<u8> {
        let data = UserData {
            username: self.username(),
            key: self.writer().to_string(),
            timestamp: self.timestamp(),
        };
        serde_json::to_vec(&data).expect("three fields of text and numbers are JSON")
    }
}

/// The two streams of a connection: the initiator opens them, and says which is which.
async fn open(streams: &Mux, side: Side) -> io::Result<(MuxStream, MuxStream)> {
    if side == Side::Initiator {
        let (mut log, mut talk) = (streams.open().await?, streams.open().await?);
        for (stream, which) in [(&mut log, LOG), (&mut talk, TALK)] {
            stream.write_all(&[which]).await?;
            stream.flush().await?;
        }
        return Ok((log, talk));
    }
    let (mut log, mut talk) = (None, None);
    while log.is_none() || talk.is_none() {
        let mut stream = streams.accept().await.ok_or(io::ErrorKind::UnexpectedEof)?;
        match stream.read_u8().await? {
            LOG if log.is_none() => log = Some(stream),
            TALK if talk.is_none() => talk = Some(stream),
            // For what a later version has beside them.
            _ => {}
        }
    }
    log.zip(talk).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Whether somebody is not coming back soon: it broke the rules, or was sent away, and its line is not to blame.
fn has_left(error: &SyncError) -> bool {
    !matches!(
        error.cause,
        Cause::Interrupted { .. }
            | Cause::Silent { .. }
            | Cause::Stalled { .. }
            | Cause::Wire(_)
            | Cause::Local(_)
    )
}

/// Who a peer says it is, if that is who it has proven to be.
fn user_of(key: WriterId, metadata: &[u8]) -> Result<User, &'static str> {
    if metadata.is_empty() {
        return Err("does not have user data");
    }
    let data: UserData = serde_json::from_slice(metadata).map_err(|_| "has user data that makes no sense")?;
    if data.key.parse() != Ok(key) {
        return Err("says it is somebody else than it has proven to be");
    }
    let username = sanitize_name(&data.username).ok_or("has no name that can be shown")?;
    Ok(User { key, username, timestamp: data.timestamp })
}

/// An error and its causes, in one line, fit to be shown.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        // Some say their cause already.
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    sanitize(&text)
}
