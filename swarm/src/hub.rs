//! The one task in which everything is decided. It waits for news and never for anything else.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use replicate::noise::{NoiseError, Secured};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::Instant;

use crate::address::is_host_and_port;
use crate::dials::{Dials, Target};
use crate::error::{DialError, Refusal};
use crate::event::{Connection, Queue};
use crate::found::Found;
use crate::gate::{Gate, Id};
use crate::link::{Handle, Link};
use crate::meet::{Failure, Me, meet};
use crate::options::Limits;
use crate::reach::{Reached, reach};
use crate::registry::{Registry, Terms, Verdict};

/// What the outside tells the hub.
pub(crate) struct Inbox {
    pub(crate) came: mpsc::Receiver<(TcpStream, SocketAddr)>,
    pub(crate) given: mpsc::Receiver<String>,
    pub(crate) found: mpsc::Receiver<Found>,
    pub(crate) leave: oneshot::Receiver<()>,
}

/// What a task comes back with.
enum Outcome {
    Came(Id, SocketAddr, Handle, Result<(Secured<Link>, Terms), Failure>),
    Dialed(Target, Vec<SocketAddr>, Result<Reached, DialError>),
}

pub(crate) struct Hub {
    me: Arc<Me>,
    limits: Limits,
    start: Instant,
    gate: Gate,
    registry: Registry,
    dials: Dials,
    queue: Over,
    /// Handshakes with those who came, until it is told how they ended.
    shaking: BTreeMap<Id, AbortHandle>,
    /// Connections that are in use.
    connected: BTreeMap<Id, Handle>,
    tasks: JoinSet<Outcome>,
    closed: (mpsc::UnboundedSender<Id>, mpsc::UnboundedReceiver<Id>),
}

/// Whoever reads learns of the end, however it comes.
struct Over(Arc<Queue>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.over();
    }
}

/// Whether a connection is in use from now on.
enum Admission {
    Admitted,
    /// There is a better one.
    Lost,
    Full,
}

impl Hub {
    pub(crate) fn new(me: Arc<Me>, limits: Limits, seed: u64, queue: Arc<Queue>) -> Self {
        Self {
            limits,
            start: Instant::now(),
            gate: Gate::new(limits),
            registry: Registry::new(me.prover.key()),
            dials: Dials::new(limits, seed),
            queue: Over(queue),
            shaking: BTreeMap::new(),
            connected: BTreeMap::new(),
            tasks: JoinSet::new(),
            // Each link says one word in its life, and there are never more than the gate lets live, and are dialled.
            closed: mpsc::unbounded_channel(),
            me,
        }
    }

    /// Until somebody leaves. All tasks end with it; connections that were handed out stay.
    pub(crate) async fn run(mut self, mut inbox: Inbox) {
        loop {
            let due = self.due_at();
            tokio::select! {
                biased;
                _ = &mut inbox.leave => break,
                Some(id) = self.closed.1.recv() => self.is_closed(id),
                Some(outcome) = self.tasks.join_next() => self.take(outcome),
                Some(address) = inbox.given.recv() => self.give(address),
                Some(found) = inbox.found.recv() => self.find(found),
                () = until(due) => self.dial(),
                Some((stream, address)) = inbox.came.recv(), if self.gate.is_open() => self.came(stream, address),
            }
        }
        self.tasks.shutdown().await;
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn due_at(&self) -> Option<Instant> {
        let room = self.gate.has_room();
        self.dials.next_at().filter(|_| room).map(|at| self.start + at)
    }

    // ---- those who come ----

    fn came(&mut self, stream: TcpStream, address: SocketAddr) {
        let id = self.me.next();
        if let Some((evicted, address)) = self.gate.knock(id, address.ip()) {
            if let Some(task) = self.shaking.remove(&evicted) {
                task.abort();
            }
            self.refused(address, Refusal::TooManyHandshakes);
        }
        let (link, handle) = Link::new(stream, id, self.closed.0.clone());
        let (me, within) = (Arc::clone(&self.me), self.limits.handshake_in);
        let task = self.tasks.spawn(async move {
            let met = meet(&me, link, id, false, within).await;
            Outcome::Came(id, address, handle, met)
        });
        self.shaking.insert(id, task);
    }

    fn take(&mut self, outcome: Result<Outcome, JoinError>) {
        match outcome {
            Ok(Outcome::Came(id, address, handle, met)) => {
                // It may have been sent away just before it was done.
                if self.shaking.remove(&id).is_some() {
                    self.met(id, address, handle, met);
                }
            }
            Ok(Outcome::Dialed(target, announced, reached)) => self.dialed(&target, &announced, reached),
            Err(error) => {
                // A broken invariant is not the peer's business. Otherwise it was sent away.
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }

    fn met(
        &mut self,
        id: Id,
        address: SocketAddr,
        handle: Handle,
        met: Result<(Secured<Link>, Terms), Failure>,
    ) {
        match met {
            // Whoever dialled says so.
            Err(Failure::Noise(NoiseError::Myself)) => {}
            Err(failure) => self.refused(address.ip(), failure.into()),
            Ok((secured, terms)) => {
                let reached = Reached { id, handle, secured, terms, address };
                if matches!(self.admit(reached), Admission::Full) {
                    self.refused(address.ip(), Refusal::TooManyConnections);
                }
            }
        }
    }

    fn refused(&self, address: IpAddr, why: Refusal) {
        let address = address.to_canonical();
        tracing::debug!(target: "swarm", "{address} refused: {why}");
        self.queue.0.refused(address, why);
    }

    /// Decides whether a connection stays; one that does not is closed here.
    fn admit(&mut self, reached: Reached) -> Admission {
        let Reached { id, handle, secured, terms, address } = reached;
        let key = secured.peer;
        let replaces = match self.registry.judge(&key, &terms) {
            Verdict::Loses => {
                tracing::debug!(target: "swarm", "{address}: there is a better connection to this key");
                return Admission::Lost;
            }
            Verdict::Replaces(other) => Some(other),
            Verdict::First => None,
        };
        let came_from = (!terms.dialed).then(|| address.ip());
        if !self.gate.enter(id, came_from, replaces) {
            return Admission::Full;
        }
        if let Some(replaced) = replaces {
            self.queue.0.withdraw(replaced);
            if let Some(handle) = self.connected.remove(&replaced) {
                handle.replaced();
            }
        }
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        tracing::info!(target: "swarm", "connected with {address}, dialed: {}, replaces: {replaces:?}", terms.dialed);
        self.registry.hold(key, id, terms, self.now());
        self.me.held().insert(key);
        self.connected.insert(id, handle);
        self.queue.0.connected(id, Connection { secured, address, dialed: terms.dialed });
        Admission::Admitted
    }

    /// A stream was dropped, by whoever had it.
    fn is_closed(&mut self, id: Id) {
        self.gate.left(id);
        self.connected.remove(&id);
        let now = self.now();
        if let Some((key, lasted)) = self.registry.ended(id, now) {
            tracing::info!(target: "swarm", "a connection ended after {} s", lasted.as_secs());
            self.me.held().remove(&key);
            self.dials.ended(&key, lasted, now);
        }
    }

    // ---- those who are dialled ----

    /// Dials this from now on, if it is an address.
    pub(crate) fn give(&mut self, address: String) {
        let error = if !is_host_and_port(&address) {
            DialError::NotAnAddress
        } else if self.dials.give(address.clone(), self.now()) {
            return;
        } else {
            DialError::TooManyAddresses { max: self.limits.given }
        };
        self.queue.0.unreachable(address, error, Duration::MAX);
    }

    fn find(&mut self, found: Found) {
        let now = self.now();
        match found {
            Found::Here { name, addresses, lets_us_go_first } => {
                let pause = if lets_us_go_first { Duration::ZERO } else { self.limits.head_start };
                if !self.dials.find(name, addresses, pause, now) {
                    tracing::debug!(target: "swarm", "too many are announced in the LAN");
                }
            }
            Found::Gone { name } => self.dials.lose(&name),
            Found::NoLan { error } => {
                tracing::warn!(target: "swarm", "{error}");
                self.queue.0.no_lan(error);
            }
        }
    }

    fn dial(&mut self) {
        let now = self.now();
        let Some((target, announced)) = self.dials.due(now) else { return };
        let (me, limits, closed) = (Arc::clone(&self.me), self.limits, self.closed.0.clone());
        self.tasks.spawn(async move {
            let reached = reach(&me, &target, announced.clone(), &limits, &closed).await;
            Outcome::Dialed(target, announced, reached)
        });
    }

    fn dialed(&mut self, target: &Target, announced: &[SocketAddr], reached: Result<Reached, DialError>) {
        let error = match reached {
            Err(DialError::Itself) if matches!(target, Target::Found(_)) => return self.dials.forget(target),
            Err(error) => error,
            Ok(reached) => {
                let key = reached.secured.peer;
                match self.admit(reached) {
                    Admission::Admitted | Admission::Lost => return self.dials.met(target, key),
                    Admission::Full => DialError::TooMany,
                }
            }
        };
        let now = self.now();
        let Some((again_in, failures)) = self.dials.failed(target, now) else { return };
        let address = match target {
            Target::Given(address) => address.clone(),
            // Said once: anybody can announce what leads nowhere.
            Target::Found(_) if failures > 1 => return,
            // Not its name, which anybody may have chosen.
            Target::Found(_) => announced.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        };
        tracing::debug!(target: "swarm", "{address}: {error}; again in {again_in:?}");
        self.queue.0.unreachable(address, error, again_in);
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => pending().await,
    }
}
