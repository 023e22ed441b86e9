//! Dialling: a name becomes addresses, and one of them answers.

use std::net::SocketAddr;
use std::time::Duration;

use replicate::noise::Secured;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use crate::dials::Target;
use crate::error::DialError;
use crate::gate::Id;
use crate::link::{Handle, Link};
use crate::meet::{Me, meet};
use crate::options::Limits;
use crate::registry::Terms;

/// Addresses of one host, or of one announcement, that are tried.
pub(crate) const ADDRESSES_MAX: usize = 8;

/// How long an address in the LAN has to take a call: who is there is near.
const NEAR: Duration = Duration::from_secs(3);

/// Somebody who took a call and is one of us.
pub(crate) struct Reached {
    pub(crate) id: Id,
    pub(crate) handle: Handle,
    pub(crate) secured: Secured<Link>,
    pub(crate) terms: Terms,
    pub(crate) address: SocketAddr,
}

/// Tries the addresses of a target one after the other. If none is good, returns what was wrong with the one that came
/// furthest.
pub(crate) async fn reach(
    me: &Me,
    target: &Target,
    announced: Vec<SocketAddr>,
    limits: &Limits,
    closed: &UnboundedSender<Id>,
) -> Result<Reached, DialError> {
    let (addresses, connect_in) = match target {
        Target::Found(_) => (announced, limits.connect_in.min(NEAR)),
        Target::Given(address) => {
            let resolved = timeout(limits.connect_in, lookup_host(address.as_str())).await;
            let resolved = resolved.map_err(|_| std::io::ErrorKind::TimedOut.into()).flatten();
            (resolved.map_err(DialError::Resolve)?.collect(), limits.connect_in)
        }
    };
    let mut why = None;
    for address in addresses.into_iter().take(ADDRESSES_MAX) {
        let error = match call(me, address, connect_in, limits, closed).await {
            Ok(reached) => return Ok(reached),
            Err(DialError::Itself) => return Err(DialError::Itself),
            Err(error) => error,
        };
        if why.is_none() || !matches!(error, DialError::Connect(_)) {
            why = Some(error);
        }
    }
    Err(why.unwrap_or_else(|| DialError::Resolve(std::io::ErrorKind::NotFound.into())))
}

async fn call(
    me: &Me,
    address: SocketAddr,
    connect_in: Duration,
    limits: &Limits,
    closed: &UnboundedSender<Id>,
) -> Result<Reached, DialError> {
    let stream = timeout(connect_in, TcpStream::connect(address)).await;
    let stream = stream.map_err(|_| std::io::ErrorKind::TimedOut.into()).flatten();
    let id = me.next();
    let (link, handle) = Link::new(stream.map_err(DialError::Connect)?, id, closed.clone());
    let (secured, terms) = meet(me, link, id, true, limits.handshake_in).await?;
    Ok(Reached { id, handle, secured, terms, address })
}
