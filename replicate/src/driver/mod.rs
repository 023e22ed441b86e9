//! Runs a session over anything that tokio reads and writes.
//!
//! Four loops in one task: reading, decoding, the session, and writing, each a frame ahead of the next. Reading never
//! waits for writing, so two full pipes cannot lock each other. The log is only ever called on threads that may block.

mod stdio;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::Instant;

pub use stdio::{Stdin, Stdout, stdio};

use crate::error::{Cause, SyncError};
use crate::frame::{FrameError, Frames};
use crate::message::Message;
use crate::replica::{Decoder, Exchange, News, ReplicaError};
use crate::report::{Event, Report};
use crate::session::Session;

/// How long the last words may take to leave, and how long a side that failed listens on, so that the other can read
/// why before the connection breaks.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

/// Frames that wait between two loops. Each can be a megabyte.
const FRAMES_WAITING: usize = 1;

/// Runs a session over a stream, to its end.
///
/// # Errors
///
/// [`SyncError`], which says why and what was done until then.
pub async fn run<X: Exchange + 'static>(
    session: Session<X>,
    stream: impl AsyncRead + AsyncWrite,
) -> Result<Report, SyncError> {
    let (reader, writer) = tokio::io::split(stream);
    Driver::new(session).run(reader, writer).await
}

/// Runs a session over a reader and a writer; see [`run`] for one stream without options.
pub struct Driver<X: Exchange> {
    session: Session<X>,
    told: Box<dyn FnMut(Event) + Send>,
    ending: watch::Sender<Ending>,
}

impl<X: Exchange> std::fmt::Debug for Driver<X> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Ends a session from elsewhere.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<Ending>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Open,
    Stop,
    Abort,
}

impl Stop {
    /// Ends the session in order: after the first sync both sides say goodbye.
    pub fn stop(&self) {
        self.0.send_if_modified(|ending| {
            let open = *ending == Ending::Open;
            *ending = if open { Ending::Stop } else { *ending };
            open
        });
    }

    /// Ends the session at once. What was stored stays.
    pub fn abort(&self) {
        self.0.send_replace(Ending::Abort);
    }
}

/// Something that comes in.
enum Input<G> {
    Message(Message),
    /// Of so many bytes, decoded.
    Group(usize, Result<G, ReplicaError>),
    Ended,
    Broke(Cause),
}

/// What has gone over the wire, for the session's clock.
#[derive(Debug, Default)]
struct Meter {
    read: AtomicU64,
    progress: AtomicU64,
    written: AtomicU64,
}

impl<X: Exchange + 'static> Driver<X> {
    /// A driver for a session that has just begun.
    #[must_use]
    pub fn new(session: Session<X>) -> Self {
        Self { session, told: Box::new(|_| {}), ending: watch::Sender::new(Ending::Open) }
    }

    /// Tells `told` what happens. It is called between messages and should not take long.
    #[must_use]
    pub fn on_event(mut self, told: impl FnMut(Event) + Send + 'static) -> Self {
        self.told = Box::new(told);
        self
    }

    /// Ends the session from elsewhere.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        Stop(self.ending.clone())
    }

    /// Runs the session to its end. The writer is shut down when both sides have said everything, and no sooner: there
    /// are relays that end both ways at the end of one, as `nc -l` does, or soon after, as `socat` does.
    ///
    /// # Errors
    ///
    /// [`SyncError`].
    pub async fn run(self, reader: impl AsyncRead, writer: impl AsyncWrite) -> Result<Report, SyncError> {
        let meter = Arc::new(Meter::default());
        let (frames, to_decode) = mpsc::channel(FRAMES_WAITING);
        let (decoded, inbox) = mpsc::channel(FRAMES_WAITING);
        let (outbox, to_write) = mpsc::channel(FRAMES_WAITING);
        let start = Instant::now();
        let decoder = self.session.decoder();
        let worker = Worker {
            session: Some(self.session),
            told: self.told,
            ending: self.ending.subscribe(),
            _ending: self.ending,
            meter: Meter::default(),
            wire: Arc::clone(&meter),
            start,
            outbox: Some(outbox),
        };
        let reading = read(reader, &meter, frames);
        let writing = write(writer, &meter, to_write);
        let decoding = decode(decoder, to_decode, decoded);
        let mut worker = std::pin::pin!(worker.run(inbox));
        let mut reading = std::pin::pin!(async { tokio::join!(reading, decoding) });
        let mut writing = std::pin::pin!(writing);
        let (mut read_all, mut written_all) = (false, false);
        let mut ended = loop {
            tokio::select! {
                ended = &mut worker => break ended,
                _ = &mut reading, if !read_all => read_all = true,
                () = &mut writing, if !written_all => written_all = true,
            }
        };
        // The last words leave; a side that failed also listens on, for closing with unread bytes can break a
        // connection before the other side has read why.
        let last_words = async {
            if !written_all {
                writing.await;
            }
            if !ended.session.is_complete() && !read_all {
                reading.await;
            }
        };
        // Who does not listen to our last words in time does not need them.
        let _ = tokio::time::timeout(LINGER, last_words).await;
        ended.session.wrote(meter.written.load(Ordering::Acquire) - ended.written);
        ended.session.finish(start.elapsed())
    }
}

/// A session at its end.
struct Ended<X: Exchange> {
    session: Session<X>,
    /// Bytes that it knows the wire took.
    written: u64,
}

/// The loop of the session itself.
struct Worker<X: Exchange> {
    /// None only while a thread has it.
    session: Option<Session<X>>,
    told: Box<dyn FnMut(Event) + Send>,
    ending: watch::Receiver<Ending>,
    /// Keeps the channel open.
    _ending: watch::Sender<Ending>,
    /// What the session knows of the wire.
    meter: Meter,
    wire: Arc<Meter>,
    start: Instant,
    /// None when nobody writes any more.
    outbox: Option<mpsc::Sender<Message>>,
}

impl<X: Exchange + 'static> Worker<X> {
    async fn run(mut self, mut inbox: mpsc::Receiver<Input<X::Group>>) -> Ended<X> {
        let (mut may_say, mut news, mut open) = (true, None, true);
        loop {
            self.note_wire();
            self.tell();
            if self.session().is_over() {
                break;
            }
            let deadline = self.session().deadline().map(|at| self.start + at);
            tokio::select! {
                input = inbox.recv(), if open => {
                    open = input.is_some();
                    self.take(input.unwrap_or(Input::Ended)).await;
                    may_say = true;
                }
                room = reserve(self.outbox.clone()), if may_say && self.outbox.is_some() => {
                    match room {
                        Some(room) => (may_say, news) = self.say(room).await,
                        // Nobody writes any more. Why, the reading side may still learn.
                        None => {
                            self.outbox = None;
                            self.session().mute();
                        }
                    }
                }
                () = wait(&mut news) => may_say = true,
                () = until(deadline) => {
                    self.note_wire();
                    let now = self.start.elapsed();
                    self.session().tick(now);
                    may_say = true;
                }
                changed = self.ending.changed() => {
                    if changed.is_ok() {
                        self.end();
                    }
                    may_say = true;
                }
            }
        }
        let session = self.session.take().expect("the session comes back from every thread it is lent to");
        Ended { session, written: self.meter.written.load(Ordering::Acquire) }
    }

    fn session(&mut self) -> &mut Session<X> {
        self.session.as_mut().expect("the session comes back from every thread it is lent to")
    }

    /// Lends the session to a thread that may block.
    async fn lend<R: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Session<X>) -> R + Send + 'static,
    ) -> R {
        let mut session =
            self.session.take().expect("the session comes back from every thread it is lent to");
        let start = Instant::now();
        let lent = spawn_blocking(move || {
            let result = work(&mut session);
            (session, result)
        });
        let (mut session, result) = match lent.await {
            Ok(back) => back,
            Err(error) => is_gone(error).await,
        };
        session.worked(start.elapsed());
        self.session = Some(session);
        result
    }

    async fn take(&mut self, input: Input<X::Group>) {
        let now = self.start.elapsed();
        match input {
            Input::Message(message) => self.lend(move |session| session.hear(message, now)).await,
            Input::Group(bytes, group) => {
                tracing::info!(target: "replicate", "<- Group: {bytes} bytes");
                match group {
                    Ok(group) => self.lend(move |session| session.hear_group(group)).await,
                    Err(error) => self.session().broke(Cause::from(error)),
                }
            }
            Input::Broke(cause) => self.session().broke(cause),
            Input::Ended => self.session().ended(),
        }
    }

    /// Says one message, if there is one; returns whether there may be more, and else what to wait for.
    async fn say(&mut self, room: mpsc::OwnedPermit<Message>) -> (bool, Option<News>) {
        // Listening begins before the session is asked, so that nothing is missed in between.
        let news = self.session().news();
        match self.lend(Session::say).await {
            Some(message) => {
                room.send(message);
                (true, None)
            }
            None => {
                // It became live just now, while nobody listened yet: it is asked once more.
                let became_live = news.is_none() && self.session().news().is_some();
                (became_live, news)
            }
        }
    }

    fn end(&mut self) {
        let ending = *self.ending.borrow_and_update();
        match ending {
            Ending::Open => {}
            Ending::Stop => self.session().stop(),
            Ending::Abort => self.session().abort(),
        }
    }

    fn tell(&mut self) {
        while let Some(event) = self.session().next_event() {
            (self.told)(event);
        }
    }

    /// Tells the session what has gone over the wire since.
    fn note_wire(&mut self) {
        let now = self.start.elapsed();
        let (read, written) =
            (self.wire.read.load(Ordering::Acquire), self.wire.written.load(Ordering::Acquire));
        let progress = self.wire.progress.load(Ordering::Acquire);
        let (read_before, written_before) = (
            self.meter.read.swap(read, Ordering::AcqRel),
            self.meter.written.swap(written, Ordering::AcqRel),
        );
        if read > read_before {
            self.session().read(now, read - read_before, progress);
        }
        if written > written_before {
            self.session().wrote(written - written_before);
        }
    }
}

/// For a thread that did not end its work. A panic in there is a panic here: a broken invariant is not the peer's
/// business. Otherwise the runtime is shut down, and this task goes with it.
async fn is_gone<T>(error: JoinError) -> T {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => std::future::pending().await,
    }
}

async fn reserve(outbox: Option<mpsc::Sender<Message>>) -> Option<mpsc::OwnedPermit<Message>> {
    outbox?.reserve_owned().await.ok()
}

async fn wait(news: &mut Option<News>) {
    match news {
        Some(waiting) => {
            waiting.await;
            *news = None;
        }
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

// ---- the wire ----

/// What the reading loop hands on.
enum Arrived {
    Message(Message),
    Ended,
    Broke(Cause),
}

/// Reads frames until the stream ends, or makes no sense.
async fn read(reader: impl AsyncRead, meter: &Meter, frames: mpsc::Sender<Arrived>) {
    let mut reader = std::pin::pin!(reader);
    let (mut codec, mut bytes) = (Frames::default(), BytesMut::new());
    loop {
        let message = codec.decode(&mut bytes);
        meter.progress.store(codec.progress(), Ordering::Release);
        let arrived = match message {
            Ok(Some(message)) => Arrived::Message(message),
            Ok(None) => match fill(reader.as_mut(), meter, &mut bytes).await {
                Ok(0) => Arrived::Ended,
                Ok(_) => continue,
                Err(error) => Arrived::Broke(Cause::Wire(error)),
            },
            Err(error) => Arrived::Broke(error.into()),
        };
        let stranger = matches!(arrived, Arrived::Broke(Cause::Frame(FrameError::NotSpoken { .. })));
        let last = !matches!(arrived, Arrived::Message(_));
        if frames.send(arrived).await.is_err() || last {
            // Who does not speak this protocol does not read why it ended, either.
            if !stranger {
                drain(reader).await;
            }
            return;
        }
    }
}

async fn fill(
    mut reader: std::pin::Pin<&mut impl AsyncRead>,
    meter: &Meter,
    bytes: &mut BytesMut,
) -> io::Result<usize> {
    bytes.reserve(READ_BYTES);
    let read = match reader.read_buf(bytes).await {
        // A peer that is gone is a stream that ended.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
        read => read?,
    };
    meter.read.fetch_add(read as u64, Ordering::AcqRel);
    Ok(read)
}

/// Reads on for nobody, until the stream ends.
async fn drain(mut reader: std::pin::Pin<&mut impl AsyncRead>) {
    let mut bytes = BytesMut::with_capacity(READ_BYTES);
    while matches!(reader.read_buf(&mut bytes).await, Ok(1..)) {
        bytes.clear();
    }
}

/// Decodes groups beside the session, so that hashing one and storing another go on at the same time.
async fn decode<G: Send + 'static>(
    decoder: Decoder<G>,
    mut frames: mpsc::Receiver<Arrived>,
    decoded: mpsc::Sender<Input<G>>,
) {
    while let Some(arrived) = frames.recv().await {
        let input = match arrived {
            Arrived::Message(Message::Group(bytes)) => {
                let (decoder, length) = (Decoder::clone(&decoder), bytes.len());
                match spawn_blocking(move || decoder(bytes)).await {
                    Ok(group) => Input::Group(length, group),
                    Err(error) => is_gone(error).await,
                }
            }
            Arrived::Message(message) => Input::Message(message),
            Arrived::Ended => Input::Ended,
            Arrived::Broke(cause) => Input::Broke(cause),
        };
        if decoded.send(input).await.is_err() {
            return;
        }
    }
}

/// Writes messages until there are no more, then closes the writing side. What cannot be written is left: the
/// reading side learns why.
async fn write(writer: impl AsyncWrite, meter: &Meter, mut messages: mpsc::Receiver<Message>) {
    let mut writer = std::pin::pin!(writer);
    let (mut codec, mut bytes) = (Frames::default(), BytesMut::new());
    while let Some(message) = messages.recv().await {
        bytes.clear();
        codec.encode(&message, &mut bytes);
        drop(message);
        while !bytes.is_empty() {
            match writer.write_buf(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(written) => drop(meter.written.fetch_add(written as u64, Ordering::AcqRel)),
            }
        }
        if writer.flush().await.is_err() {
            return;
        }
    }
    // Nothing more can be done about a stream that does not close.
    let _ = writer.shutdown().await;
}
