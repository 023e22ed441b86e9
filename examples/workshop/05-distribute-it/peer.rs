//! A peer of the check: a log, and tasks that listen and talk. Each has a runtime of its own, so that it can leave as a
//! program does that is ended.

use std::future::Future;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use level::Memory;
use scuttleup::{Identity, Log, Seq};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::check::{Result, ensure, same};
use crate::{PATIENCE, boxed, exercise};

/// How long the folder of a peer that left may take to be free.
const CLOSING: Duration = Duration::from_secs(2);

pub(crate) struct Peer {
    name: &'static str,
    runtime: Runtime,
    log: Log,
    tasks: Vec<(&'static str, JoinHandle<exercise::Result<()>>)>,
    listening: Receiver<String>,
    heard: Vec<String>,
}

impl Peer {
    /// Opens the log in a folder, and listens.
    pub(crate) fn begin(name: &'static str, folder: &Path) -> Result<Self> {
        let start = now();
        loop {
            match exercise::open(folder) {
                Ok(log) => return Self::with(name, log),
                // Whoever had it before may not be gone yet.
                Err(_) if start.elapsed() < CLOSING => wait(Duration::from_millis(10)),
                Err(error) => return Err(boxed(error)),
            }
        }
    }

    pub(crate) fn in_memory(name: &'static str) -> Result<Self> {
        Self::with(name, Log::open(Memory::new(), Identity::generate())?)
    }

    fn with(name: &'static str, log: Log) -> Result<Self> {
        let (tell, listening) = channel();
        let mut peer =
            Self { name, runtime: runtime()?, log, tasks: Vec::new(), listening, heard: Vec::new() };
        let log = peer.log.clone();
        peer.task("listen", async move { listen(&log, tell).await });
        Ok(peer)
    }

    fn task(
        &mut self,
        what: &'static str,
        task: impl Future<Output = exercise::Result<()>> + Send + 'static,
    ) {
        self.tasks.push((what, self.runtime.spawn(task)));
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = std::io::Result<T>>) -> Result<T> {
        Ok(self.runtime.block_on(work)?)
    }

    /// Accepts connections from now on; returns at which address.
    pub(crate) fn listen(&mut self, address: &str) -> Result<String> {
        let listener = self.block_on(TcpListener::bind(address))?;
        let address = listener.local_addr()?.to_string();
        self.task("accept", exercise::accept(self.log.clone(), listener));
        Ok(address)
    }

    pub(crate) fn connect(&mut self, address: &str) {
        let connecting = exercise::connect(self.log.clone(), address.to_owned());
        self.task("connect", async {
            connecting.await;
            Ok(())
        });
    }

    pub(crate) fn talk(&mut self, socket: TcpStream) {
        let log = self.log.clone();
        self.task("talk", async move { exercise::talk(&log, socket).await.map(drop) });
    }

    pub(crate) fn says(&self, message: &str) -> Result<Seq> {
        println!("   {} says \"{message}\"", self.name);
        exercise::say(&self.log, self.name, message).map_err(boxed)
    }

    /// Waits until all that is wanted was heard. If not, `why` may be the reason.
    pub(crate) fn hears(&mut self, wanted: &[&str], why: &str) -> Result<()> {
        let start = now();
        loop {
            let missing = wanted.iter().find(|wanted| !self.heard.iter().any(|heard| heard == *wanted));
            let Some(missing) = missing else { return Ok(()) };
            let name = self.name;
            let seconds = PATIENCE.as_secs();
            ensure(
                start.elapsed() < PATIENCE,
                format!("{name} has not heard \"{missing}\" after {seconds} seconds: {why}"),
            )?;
            self.hear(Duration::from_millis(20))?;
        }
    }

    /// Hears what there is to be heard for a while.
    pub(crate) fn goes_on_for(&mut self, time: Duration) -> Result<()> {
        let start = now();
        while start.elapsed() < time {
            self.hear(Duration::from_millis(20))?;
        }
        Ok(())
    }

    fn hear(&mut self, time: Duration) -> Result<()> {
        match self.listening.recv_timeout(time) {
            Ok(heard) => {
                println!("   {} heard {heard}", self.name);
                self.heard.push(heard);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => wait(time),
        }
        let Some(at) = self.tasks.iter().position(|(_, task)| task.is_finished()) else { return Ok(()) };
        let (what, task) = self.tasks.remove(at);
        match self.runtime.block_on(task) {
            Ok(Ok(())) => Err(format!("`{what}` of {} ended, and nobody had left", self.name).into()),
            Ok(Err(error)) => {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                Err(format!("`{what}` of {} ended: {error}{cause}", self.name).into())
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// That it heard all of `wanted`, nothing else, and nothing twice.
    pub(crate) fn heard_once(&self, wanted: &[&str]) -> Result<()> {
        let mut wanted: Vec<String> = wanted.iter().map(|text| (*text).to_owned()).collect();
        let mut heard = self.heard.clone();
        wanted.sort();
        heard.sort();
        same(&format!("what {} heard, sorted", self.name), &heard, &wanted)
    }

    /// Leaves as a program does that is ended: nobody is told.
    pub(crate) fn leaves(self) {
        self.runtime.shutdown_timeout(CLOSING);
    }
}

async fn listen(log: &Log, tell: Sender<String>) -> exercise::Result<()> {
    // Nobody may be listening any more.
    exercise::listen(log, |said| drop(tell.send(format!("{}: {}", said.username, said.message)))).await
}

pub(crate) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

#[expect(clippy::disallowed_methods, reason = "what does not come is noticed by the clock")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "what does not come is waited for")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}
