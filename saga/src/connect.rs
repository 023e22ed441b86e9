//! A connection to a peer: the log, live, and beside it what peers say to each other.

use std::io;
use std::time::Duration;

use hyperlog::WriterId;
use hyperlog_writers::Role;
use replicate::mux::{Mux, MuxLimits, MuxStream, mux};
use replicate::noise::{NoiseError, Secured, Side, secure};
use replicate::{Cause, Driver, Event as SyncEvent, Limits, Options, Report, Session, SyncError};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::door::{Door, JoinRequest, Signed};
use crate::event::Event;
use crate::people::User;
use crate::saga::Saga;
use crate::sanitize::sanitize_name;
use crate::talk::{self, Word};

/// What both streams begin with, so that it is known which is which.
const LOG: u8 = b'l';
const TALK: u8 = b't';

/// Both streams must be open within this time.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// How long the last words may take to leave.
const LINGER: Duration = Duration::from_secs(2);

/// Words that wait to be said; of more, the last are not said.
const WORDS_WAITING: usize = 64;

/// Why a connection ended otherwise than in order. What was stored stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The other side could not be secured: it does not know the channel, or does not speak this.
    #[error(transparent)]
    Noise(#[from] NoiseError),
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
    /// that they know the channel's key, and who they are, before anything else is said. For one that is secured already,
    /// see [`connect`](Self::connect).
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn replicate<S>(&self, stream: S) -> Result<Report, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let topic = self.key().topic();
        let secured = secure(stream, &self.inner.identity, topic.as_bytes()).await?;
        self.connect(secured).await
    }

    /// Syncs with a peer, live, until either side ends it. While that goes on the peer is one of the [`users`](Self::users);
    /// whether it may write is the [`Door`]'s matter.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn connect<S>(&self, peer: Secured<S>) -> Result<Report, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let key = WriterId::from_bytes(peer.peer)?;
        let side = peer.side;
        let (streams, driver) = mux(peer.stream, side, MuxLimits::default());
        let closer = streams.clone();
        let mut driver = std::pin::pin!(driver);
        let mut work = std::pin::pin!(self.converse(streams, side, key));
        let ended = tokio::select! {
            ended = &mut work => ended,
            // Broken: the session learns of it, and says what it did until then.
            _ = &mut driver => return self.tell_end(key, work.await),
        };
        closer.close();
        // Who does not listen to our last words in time does not need them.
        let _ = timeout(LINGER, driver).await;
        self.tell_end(key, ended)
    }

    fn tell_end(&self, key: WriterId, ended: Result<Report, ConnectError>) -> Result<Report, ConnectError> {
        ended.inspect_err(|error| {
            let why = in_full(error);
            tracing::info!(target: "saga", "the connection to {key:?} broke: {why}");
            self.inner.events.send(Event::Broke { key, why });
        })
    }

    /// The session on one stream, talk on the other.
    async fn converse(&self, streams: Mux, side: Side, key: WriterId) -> Result<Report, ConnectError> {
        let (log, talk) = timeout(OPEN_WITHIN, open(&streams, side))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
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
        let _place = self.inner.sessions.begin(stop.clone());
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
                () = &mut talk, if talks => talks = false,
            }
        };
        if let Some(presence) = presence {
            presence.end(ended.is_ok());
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

    /// Somebody is here.
    fn welcome(&self, user: User) -> Guest {
        if self.inner.presence.came(&user) {
            self.inner.events.send(Event::Join(user.clone()));
        }
        let guest = Guest { saga: self.clone(), key: user.key, told: false };
        let saga = self.clone();
        // Granting waits for the disk.
        drop(spawn_blocking(move || {
            if let Err(error) = saga.open_door(user) {
                tracing::warn!(target: "saga", "the door stays shut: {}", in_full(&error));
            }
        }));
        guest
    }

    /// Lets a newcomer in, if the door is open and we may.
    fn open_door(&self, user: User) -> Result<(), crate::Error> {
        let may_grant = || self.channel().role(&self.writer());
        if self.door() == Door::Open
            && !self.channel().authorized(&user.key)?
            && may_grant()? == Some(Role::Admin)
            && !self.was_removed(&user.key)?
        {
            self.invite(user.key, Role::Writer)?;
            self.inner.events.send(Event::Admitted(user));
        }
        Ok(())
    }

    /// What happens when somebody connects who may not write.
    #[must_use]
    pub fn door(&self) -> Door {
        *self.inner.door.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Says what happens from now on when somebody connects who may not write.
    pub fn set_door(&self, door: Door) {
        *self.inner.door.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = door;
    }

    // ---- talk ----

    /// Says what there is to say on a connection, and hears what comes.
    async fn talk(&self, stream: MuxStream, to: WriterId) {
        let (reader, mut writer) = tokio::io::split(stream);
        let (words, mut to_say) = mpsc::channel(WORDS_WAITING);
        let _place = self.inner.talks.begin(words.clone());
        if let Some(asked) = self.ask_if_needed() {
            let _ = words.try_send(asked);
        }
        for known in self.inner.requests.signed() {
            let _ = words.try_send(Word::Ask(known));
        }
        let saying = async {
            while let Some(word) = to_say.recv().await {
                if talk::say(&mut writer, &word).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let hearing = talk::hear(reader, |Word::Ask(signed)| self.hear_ask(signed, to));
        tokio::select! {
            () = saying => {}
            () = hearing => {}
        }
    }

    /// A request of our own, where we may not write. Also made when nothing of the channel is here yet.
    fn ask_if_needed(&self) -> Option<Word> {
        let own = self.writer();
        if self.channel().authorized(&own).unwrap_or(true) {
            return None;
        }
        let asked =
            Signed::new(&self.inner.identity, &self.key(), self.username(), self.inner.received.now());
        asked.map(Word::Ask)
    }

    /// Somebody asks, or passes on that somebody asks.
    fn hear_ask(&self, signed: Signed, from: WriterId) {
        let Some(request) = signed.verify(&self.inner.identity, &self.key()) else { return };
        if request.key == self.writer() || self.channel().authorized(&request.key).unwrap_or(true) {
            return;
        }
        tracing::debug!(target: "saga", "{from:?} says that {:?} asks to join", request.key);
        if self.inner.requests.take(&request, &signed) {
            self.inner.talks.say(&Word::Ask(signed));
            self.knock(request);
        }
    }

    fn knock(&self, request: JoinRequest) {
        match self.door() {
            Door::Invite => {}
            Door::Ask => self.inner.events.send(Event::Request(request)),
            Door::Open => {
                let JoinRequest { key, username, timestamp } = request;
                let saga = self.clone();
                drop(spawn_blocking(move || saga.open_door(User { key, username, timestamp })));
            }
        }
    }
}

/// Somebody who is here, as long as its connection is.
struct Guest {
    saga: Saga,
    key: WriterId,
    told: bool,
}

impl Guest {
    fn end(mut self, said_goodbye: bool) {
        self.leave(said_goodbye);
    }

    fn leave(&mut self, said_goodbye: bool) {
        if !std::mem::replace(&mut self.told, true)
            && let Some(user) = self.saga.inner.presence.went(&self.key, said_goodbye)
        {
            self.saga.inner.events.send(Event::Leave(user));
        }
    }
}

impl Drop for Guest {
    /// The connection was dropped in the middle.
    fn drop(&mut self) {
        self.leave(false);
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
    crate::sanitize::sanitize(&text)
}
