//! People: who is here, who may write, and what they call themselves.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyperlog::{NodeId, WriterId};
use hyperlog_writers::{Keep, Role, State};
use tokio::time::Instant;

use crate::door::JoinRequest;
use crate::error::Error;
use crate::event::Event;
use crate::fingerprint::{fingerprint, signed_name};
use crate::saga::Saga;
use crate::sanitize::{SEPARATOR, in_looks};

/// Connections flap. Who is back within this time has not left.
pub const LEAVE_AFTER: Duration = Duration::from_secs(30);

/// Somebody who is here: there is a connection, on which it has proven its key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// Who.
    pub key: WriterId,
    /// What it calls itself: sanitized, and a claim. Several can have the same name.
    pub username: String,
    /// When it opened its chat, as it says: milliseconds since 1970.
    pub timestamp: u64,
}

/// Those who broke off and may come back: of more, the first has left.
const GONE_MAX: usize = 1024;

impl User {
    /// Name and fingerprint: `ana~k3f7q2ab`.
    #[must_use]
    pub fn label(&self) -> String {
        signed_name(&self.username, &self.key)
    }
}

/// Who is here, by key.
#[derive(Debug)]
pub(crate) struct Presence {
    grace: Duration,
    here: Mutex<BTreeMap<WriterId, Here>>,
}

#[derive(Debug)]
struct Here {
    user: User,
    /// What the chat had it called when it came. What it takes there later prevails over what it said when it came.
    known_as: Option<String>,
    connections: usize,
    /// The last connection broke: when it counts as left.
    gone_at: Option<Instant>,
}

impl Presence {
    pub(crate) fn new(grace: Duration) -> Self {
        Self { grace, here: Mutex::default() }
    }

    fn here(&self) -> MutexGuard<'_, BTreeMap<WriterId, Here>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another connection to somebody; whether it was not here before.
    pub(crate) fn came(&self, user: &User, known_as: Option<String>) -> bool {
        let mut here = self.here();
        let is_new = !here.contains_key(&user.key);
        let one = here.entry(user.key).or_insert_with(|| Here {
            user: user.clone(),
            known_as: None,
            connections: 0,
            gone_at: None,
        });
        (one.user, one.known_as) = (user.clone(), known_as);
        one.connections += 1;
        one.gone_at = None;
        is_new
    }

    /// A connection ended. Who said goodbye has left if it was the last one; who did not leaves later.
    pub(crate) fn went(&self, key: &WriterId, said_goodbye: bool) -> Option<User> {
        let mut here = self.here();
        let one = here.get_mut(key)?;
        one.connections = one.connections.saturating_sub(1);
        if one.connections > 0 {
            return None;
        }
        if said_goodbye {
            return here.remove(key).map(|one| one.user);
        }
        one.gone_at = Some(Instant::now() + self.grace);
        let gone = || here.iter().filter_map(|(key, one)| Some((one.gone_at?, *key)));
        if gone().count() <= GONE_MAX {
            return None;
        }
        let first = gone().min();
        first.and_then(|(_, key)| here.remove(&key)).map(|one| one.user)
    }

    /// Those whose time is over.
    pub(crate) fn expire(&self) -> Vec<User> {
        let (mut here, now) = (self.here(), Instant::now());
        let is_over = |one: &Here| one.gone_at.is_some_and(|at| at <= now);
        let over: Vec<WriterId> = here.iter().filter(|(_, one)| is_over(one)).map(|(key, _)| *key).collect();
        over.iter().filter_map(|key| here.remove(key)).map(|one| one.user).collect()
    }

    /// When [`expire`](Self::expire) has something to do.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.here().values().filter_map(|one| one.gone_at).min()
    }

    /// Who is here, and what the chat had each called when it came.
    fn list(&self) -> Vec<(User, Option<String>)> {
        self.here().values().map(|one| (one.user.clone(), one.known_as.clone())).collect()
    }
}

/// Somebody of whom something is known: a member, somebody who is here, or oneself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Person {
    /// Who.
    pub key: WriterId,
    /// What it calls itself: the name it took last in the chat, or else in its connection. None for a member that was never heard of.
    pub name: Option<String>,
    /// What it may do; none for who only reads.
    pub role: Option<Role>,
    /// Whether it is here; oneself always is.
    pub online: bool,
    /// Whether it is oneself.
    pub is_me: bool,
    /// Whether somebody else has the same name, but for case: then only the fingerprint tells them apart.
    pub ambiguous: bool,
}

impl Person {
    /// Name and fingerprint: `ana~k3f7q2ab`; the fingerprint alone where there is no name.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.as_ref().map_or_else(|| fingerprint(&self.key), |name| signed_name(name, &self.key))
    }
}

impl Saga {
    /// Who is here now, ascending by key.
    #[must_use]
    pub fn users(&self) -> Vec<User> {
        self.tell_who_left();
        let mut users = Vec::new();
        for (mut user, known_as) in self.inner.presence.list() {
            // Who cannot be looked up keeps the name that it said itself.
            let now = self.name_of(&user.key).unwrap_or_default();
            user.username = now.filter(|now| known_as.as_ref() != Some(now)).unwrap_or(user.username);
            users.push(user);
        }
        users
    }

    /// Those whose connection broke too long ago have left.
    pub(crate) fn tell_who_left(&self) {
        for user in self.inner.presence.expire() {
            self.inner.events.send(Event::Leave(user));
        }
    }

    /// Members, those who are here, and oneself: by name, then by key. O(grants).
    ///
    /// # Errors
    ///
    /// What the log or the store says.
    pub fn people(&self) -> Result<Vec<Person>, Error> {
        let me = self.writer();
        let mut people = BTreeMap::<WriterId, Person>::new();
        let person =
            |key| Person { key, name: None, role: None, online: false, is_me: false, ambiguous: false };
        for member in self.channel().members()? {
            people.entry(member.key).or_insert_with(|| person(member.key)).role = Some(member.role);
        }
        for user in self.users() {
            let one = people.entry(user.key).or_insert_with(|| person(user.key));
            (one.online, one.name) = (true, Some(user.username));
        }
        let one = people.entry(me).or_insert_with(|| person(me));
        (one.online, one.is_me, one.name) = (true, true, Some(self.username()));
        let mut people: Vec<Person> = people.into_values().collect();
        for person in &mut people {
            // Who is here says itself what it is called.
            if person.name.is_none() {
                person.name = self.name_of(&person.key)?;
            }
        }
        mark_ambiguous(&mut people);
        people.sort_by(|one, other| (&one.name, one.key).cmp(&(&other.name, other.key)));
        Ok(people)
    }

    /// Finds somebody by key, by fingerprint, by name and fingerprint, or by name where only one has it: among
    /// [`people`](Self::people) and those who [ask](Self::requests).
    ///
    /// # Errors
    ///
    /// [`Error::Who`], which says what would tell them apart.
    pub fn find(&self, who: &str) -> Result<WriterId, Error> {
        if *who == self.key().to_string() {
            let what = "this is the key of the channel, and of nobody in it".to_owned();
            return Err(Error::Who { what });
        }
        if let Ok(key) = who.parse() {
            return Ok(key);
        }
        let people = self.people()?.into_iter().map(|person| (person.key, person.name));
        let asking = self.requests()?.into_iter().map(|request| (request.key, Some(request.username)));
        let mut known: Vec<_> = people.chain(asking).collect();
        known.sort_unstable();
        known.dedup_by_key(|(key, _)| *key);
        let matches = |(key, name): &(WriterId, Option<String>)| match who.rsplit_once(SEPARATOR) {
            Some((_, print)) => fingerprint(key) == print.to_lowercase(),
            None => {
                fingerprint(key) == who.to_lowercase()
                    || name.as_ref().is_some_and(|name| in_looks(name) == in_looks(who))
            }
        };
        known.retain(matches);
        match known.as_slice() {
            [(key, _)] => Ok(*key),
            [] => Err(Error::Who {
                what: format!("nobody here is called {who:?}: give a name, name~fingerprint or key"),
            }),
            several => {
                let labels: Vec<String> = several
                    .iter()
                    .map(|(key, name)| signed_name(name.as_deref().unwrap_or_default(), key))
                    .collect();
                Err(Error::Who { what: format!("several are called {who:?}: say {}", labels.join(" or ")) })
            }
        }
    }

    /// Lets a key write, as a writer or as an admin. That it may already is fine: then nothing is written.
    ///
    /// # Errors
    ///
    /// What the channel says: that the local writer is no admin, above all.
    pub fn invite(&self, key: WriterId, role: Role) -> Result<(), Error> {
        if self.channel().role(&key)? < Some(role) {
            self.channel().authorize(key, role)?;
        }
        self.inner.requests.done(&key);
        Ok(())
    }

    /// Ends what somebody may write: what is here of it stays, whatever else it wrote or writes, whenever it says that was, shows
    /// up nowhere. Of who forked into more than 16 branches nothing stays: no revocation could name what to keep. It can go on reading:
    /// whoever knows the key of the channel can. Returns the nodes that say so.
    ///
    /// # Errors
    ///
    /// What the channel says: that the grant is not from here, above all.
    pub fn remove(&self, key: &WriterId) -> Result<Vec<NodeId>, Error> {
        let revoked = match self.channel().revoke_key(key, Keep::Here) {
            Err(hyperlog_writers::Error::Forked { .. }) => {
                self.channel().revoke_key(key, Keep::Only(Vec::new()))?
            }
            revoked => revoked?,
        };
        Ok(revoked.into_iter().map(|revoked| revoked.id).collect())
    }

    /// Who asks to write and may not, oldest first; kept in memory.
    ///
    /// # Errors
    ///
    /// What the log or the store says.
    pub fn requests(&self) -> Result<Vec<JoinRequest>, Error> {
        self.forget_answered()?;
        Ok(self.inner.requests.list())
    }

    /// Forgets requests of those whom somebody let in, and who may have been removed again since.
    pub(crate) fn forget_answered(&self) -> Result<(), Error> {
        for JoinRequest { key, was_removed, .. } in self.inner.requests.list() {
            if self.channel().authorized(&key)? || (!was_removed && self.was_removed(&key)?) {
                self.inner.requests.done(&key);
            }
        }
        Ok(())
    }

    /// Whether a key had a grant that ended.
    pub(crate) fn was_removed(&self, key: &WriterId) -> Result<bool, Error> {
        let grants = self.channel().grants()?;
        Ok(grants.iter().any(|grant| grant.key == *key && grant.state != State::Open))
    }
}

fn mark_ambiguous(people: &mut [Person]) {
    let mut bearers = BTreeMap::<String, usize>::new();
    for name in people.iter().filter_map(|person| person.name.as_ref()) {
        *bearers.entry(in_looks(name)).or_default() += 1;
    }
    for person in people {
        let bearers = person.name.as_ref().and_then(|name| bearers.get(&in_looks(name)));
        person.ambiguous = bearers.is_some_and(|bearers| *bearers > 1);
    }
}
