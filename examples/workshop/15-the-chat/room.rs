//! What the check needs to have people meet: wires between them, and somebody who notes what is heard and told.

use std::time::Instant;

use replicate::Report;
use saga::{Events, Saga};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::check::{Result, ensure, same};
use crate::{A_WHILE, PATIENCE, exercise, sorted};

pub(crate) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// The error of the exercise, which may go from thread to thread, as ours, which need not.
pub(crate) fn boxed(error: Box<dyn std::error::Error + Send + Sync>) -> Box<dyn std::error::Error> {
    error
}

/// Swaps what the other lacks, without a wire.
pub(crate) fn exchange(one: &Saga, other: &Saga) -> Result<()> {
    let report = replicate::sync(one.channel().log(), other.channel().log())?;
    ensure(report.equal, format!("two synced, and are not equal: {report:?}"))
}

/// Listens until so many messages were heard, and then a little longer.
pub(crate) async fn hear(saga: &Saga, wanted: usize) -> Result<Vec<String>> {
    let (tell, mut told) = unbounded_channel();
    let collecting = async {
        let mut heard = Vec::new();
        loop {
            let time = if heard.len() < wanted { PATIENCE } else { A_WHILE };
            match timeout(time, told.recv()).await {
                Ok(Some(line)) => heard.push(line),
                _ => return heard,
            }
        }
    };
    tokio::select! {
        ended = exercise::listen(saga, |line| drop(tell.send(line))) => Err(match ended {
            Ok(()) => "`listen` ended: wait for what comes".into(),
            Err(error) => format!("`listen` ended: {error}").into(),
        }),
        heard = collecting => Ok(heard),
    }
}

/// Two who talk over a socket.
pub(crate) struct Wire {
    talks: [JoinHandle<exercise::Result<Report>>; 2],
}

/// The second calls the first.
pub(crate) async fn connect(one: &Saga, other: &Saga) -> Result<Wire> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (calls, accepted) = tokio::join!(TcpStream::connect(listener.local_addr()?), listener.accept());
    let talk = |saga: &Saga, socket: TcpStream| {
        let saga = saga.clone();
        tokio::spawn(async move { exercise::talk(&saga, socket).await })
    };
    Ok(Wire { talks: [talk(one, accepted?.0), talk(other, calls?)] })
}

impl Wire {
    /// Waits until something is so; an error when it takes too long, or a talk ends.
    #[expect(clippy::disallowed_methods, reason = "what does not come is noticed by the clock")]
    pub(crate) async fn until(&self, wrong: &str, is_so: impl Fn() -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        while !is_so()? {
            ensure(start.elapsed() < PATIENCE, wrong)?;
            ensure(!self.talks.iter().any(JoinHandle::is_finished), "`talk` ended, and nobody had left")?;
            sleep(std::time::Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// How both sides fared, once they have ended.
    pub(crate) async fn ends(self) -> Result<[exercise::Result<Report>; 2]> {
        let [one, other] = self.talks;
        let both = timeout(PATIENCE, async { (one.await, other.await) }).await;
        let (one, other) = both.map_err(|_| "the other side left, and `talk` did not end")?;
        Ok([one?, other?])
    }

    /// The line is cut: nobody says goodbye.
    pub(crate) async fn breaks(self) {
        let [one, other] = self.talks;
        other.abort();
        let _ = timeout(PATIENCE, one).await;
    }
}

/// Notes what is told of people.
pub(crate) struct Watched {
    told: UnboundedReceiver<String>,
    task: JoinHandle<()>,
}

pub(crate) fn watched(events: Events) -> Watched {
    let (tell, told) = unbounded_channel();
    let task = tokio::spawn(exercise::watch(events, move |line| drop(tell.send(line))));
    Watched { told, task }
}

impl Watched {
    /// That this was told since the last time, in whatever order, and nothing else.
    pub(crate) async fn tells(&mut self, wanted: &[String]) -> Result<()> {
        let mut told = Vec::new();
        loop {
            let time = if told.len() < wanted.len() { PATIENCE } else { A_WHILE };
            match timeout(time, self.told.recv()).await {
                Ok(Some(line)) => told.push(line),
                Ok(None) => return Err("`watch` ended: wait for what comes".into()),
                Err(_) => break,
            }
        }
        for line in &told {
            println!("   {line}");
        }
        same("what was told, sorted", &sorted(told), &sorted(wanted.to_vec()))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}
