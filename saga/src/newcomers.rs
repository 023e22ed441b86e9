//! Newcomers: that they are here, what they ask, and whether the door opens.

use std::sync::PoisonError;

use hyperlog::WriterId;
use hyperlog_writers::Role;
use replicate::mux::MuxStream;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::connect::in_full;
use crate::door::{Door, JoinRequest, Signed};
use crate::error::Error;
use crate::event::Event;
use crate::people::User;
use crate::saga::Saga;
use crate::talk::{self, Word};

/// Words that wait to be said; of more, the last are not said.
const WORDS_WAITING: usize = 128;

impl Saga {
    /// Somebody is here.
    pub(crate) fn welcome(&self, user: User) -> Guest {
        self.tell_who_left();
        if self.inner.presence.came(&user, self.name_of(&user.key).unwrap_or_default()) {
            self.inner.events.send(Event::Join(user.clone()));
        }
        let guest = Guest { saga: self.clone(), key: user.key, told: false };
        let saga = self.clone();
        // Granting waits for the disk.
        drop(spawn_blocking(move || saga.admit(user)));
        guest
    }

    /// Lets a newcomer in, if the door is open and we may.
    fn open_door(&self, user: User) -> Result<(), Error> {
        let may_grant = || self.channel().role(&self.writer());
        // One at a time: who connects and asks at once would get two grants.
        let _doorway = self.inner.doorway.lock().unwrap_or_else(PoisonError::into_inner);
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
        *self.inner.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what happens from now on when somebody connects who may not write, and does it for those who are connected: an open door
    /// lets them in, and who was not heard at the door for invited people asks now. Blocks for as long as the disk takes.
    pub fn set_door(&self, door: Door) {
        let before = {
            let mut held = self.inner.door.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *held, door)
        };
        if before == door || door == Door::Invite {
            return;
        }
        for user in self.users() {
            if self.channel().authorized(&user.key).unwrap_or(true) {
                continue;
            }
            if door == Door::Open {
                self.admit(user);
            } else {
                let was_removed = self.was_removed(&user.key).unwrap_or(true);
                let User { key, username, timestamp } = user;
                let request = JoinRequest { key, username, timestamp, was_removed };
                self.inner.events.send(Event::Request(request));
            }
        }
    }

    // ---- talk ----

    /// Says what there is to say on a connection, and hears what comes.
    pub(crate) async fn talk(&self, stream: MuxStream, to: WriterId) {
        let (reader, mut writer) = tokio::io::split(stream);
        let (words, mut to_say) = mpsc::channel(WORDS_WAITING);
        let _place = self.inner.talks.begin(words.clone());
        if let Some(asked) = self.ask_if_needed() {
            let _ = words.try_send(asked);
        }
        if self.forget_answered().is_ok() {
            for known in self.inner.requests.signed() {
                let _ = words.try_send(Word::Ask(known));
            }
        }
        let saying = async {
            while let Some(word) = to_say.recv().await {
                if talk::say(&mut writer, &word).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let mut passed_on = talk::PASSED_ON;
        let hearing = talk::hear(reader, |Word::Ask(signed)| {
            if let Some(request) = self.hear_ask(&signed, to) {
                if passed_on.take(Instant::now()) {
                    self.inner.talks.pass_on(&Word::Ask(signed));
                }
                self.knock(request);
            }
        });
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

    /// Somebody asks, or passes on that somebody asks: the request, if it is news.
    fn hear_ask(&self, signed: &Signed, from: WriterId) -> Option<JoinRequest> {
        let mut request = signed.verify(&self.inner.identity, &self.key())?;
        let may_write = || self.channel().authorized(&request.key).unwrap_or(true);
        // Who hears nobody passes nothing on, either.
        if self.door() == Door::Invite || request.key == self.writer() || may_write() {
            return None;
        }
        tracing::debug!(target: "saga", "{from:?} says that {:?} asks to join", request.key);
        request.was_removed = self.was_removed(&request.key).unwrap_or(true);
        self.inner.requests.take(&request, signed).then_some(request)
    }

    fn knock(&self, request: JoinRequest) {
        let may_grant = || self.channel().role(&self.writer()).is_ok_and(|role| role == Some(Role::Admin));
        if self.door() == Door::Open && !request.was_removed && may_grant() {
            // One task for all who ask: each grant waits for the disk.
            if self.inner.requests.begin_admitting() {
                let saga = self.clone();
                drop(spawn_blocking(move || saga.admit_all()));
            }
        } else {
            self.inner.events.send(Event::Request(request));
        }
    }

    /// Lets in all who ask at an open door.
    fn admit_all(&self) {
        while let Some(JoinRequest { key, username, timestamp, .. }) = self.inner.requests.next_to_admit() {
            self.admit(User { key, username, timestamp });
        }
    }

    fn admit(&self, user: User) {
        if let Err(error) = self.open_door(user) {
            tracing::warn!(target: "saga", "the door stays shut: {}", in_full(&error));
        }
    }
}

/// Somebody who is here, as long as its connection is.
pub(crate) struct Guest {
    saga: Saga,
    key: WriterId,
    told: bool,
}

impl Guest {
    pub(crate) fn end(mut self, said_goodbye: bool) {
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
