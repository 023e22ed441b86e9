//! Doing what was typed.

use hyperlog_writers::{Error as NotRemoved, NotAuthorized};
use saga::{Role, WriterId};

use super::input::{Command, Typed};
use super::item::Item;
use super::room::Room;
use super::show::label_text;
use crate::error::Failure;

/// What became of it.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) items: Vec<Item>,
    /// A message was written, and comes by the feed.
    pub(crate) sent: bool,
    /// A message that may not be written, and may be allowed later.
    pub(crate) early: bool,
    pub(crate) quit: bool,
}

impl From<Item> for Done {
    fn from(item: Item) -> Self {
        Self { items: vec![item], ..Self::default() }
    }
}

impl Room {
    /// Does what was typed. Blocks for as long as the disk takes.
    pub(crate) fn perform(&mut self, typed: Typed) -> Done {
        match typed {
            Typed::Nothing => Done::default(),
            Typed::Wrong(why) => Item::Wrong(why).into(),
            Typed::Message(text) => self.send(text),
            Typed::Command(Command::Quit) => Done { quit: true, ..Done::default() },
            Typed::Command(command) => match self.command(command) {
                Ok(items) => Done { items, ..Done::default() },
                Err(failure) => Item::Wrong(failure.line()).into(),
            },
        }
    }

    fn send(&mut self, text: String) -> Done {
        match self.saga.write_message(&text) {
            Ok(_) => Done { sent: true, ..Done::default() },
            Err(saga::Error::NotAuthorized(why)) => {
                let early = !matches!(why, NotAuthorized::Revoked { .. });
                let why = self.why_not(&why);
                Done { early, ..Item::NotSent { text, why }.into() }
            }
            Err(error) => Item::NotSent { text, why: Failure::from(error).line() }.into(),
        }
    }

    /// Why one may not write, and what to do about it.
    fn why_not(&self, why: &NotAuthorized) -> String {
        match why {
            NotAuthorized::Empty => {
                "nothing of this channel is here yet: it comes when somebody who has it is here, or /connect HOST:PORT"
                    .into()
            }
            NotAuthorized::Revoked { .. } => "you were removed from this channel, and may only read".into(),
            _ => {
                let me = label_text(&self.me());
                let admins = self.saga.people().unwrap_or_default();
                let admins = admins.into_iter().filter(|person| person.role == Some(Role::Admin) && !person.is_me);
                let (here, away): (Vec<_>, Vec<_>) = admins.partition(|admin| admin.online);
                let names = |admins: Vec<saga::Person>| {
                    admins.iter().take(3).map(saga::Person::label).collect::<Vec<_>>().join(" or ")
                };
                if here.is_empty() {
                    let away = names(away);
                    format!("you may only read here; {away}, who can /invite {me}, is not here now")
                } else {
                    format!("you may only read here; {} can let you in: /invite {me}", names(here))
                }
            }
        }
    }

    fn command(&mut self, command: Command) -> Result<Vec<Item>, Failure> {
        let item = match command {
            Command::Members => Item::Members(self.saga.people()?),
            Command::Invite { who, role } => self.invite(&who, role)?,
            Command::Remove { who } => self.remove(&who)?,
            Command::Name { name } => {
                self.saga.set_username(&name)?;
                self.names.hear(self.saga.writer(), &self.saga.username());
                let me = label_text(&self.me());
                Item::Done(format!("you are {me} now; to come back, start with the same --name as before"))
            }
            Command::History { count } => Item::History(self.history(None, count)?),
            Command::Requests => {
                let asking = self.saga.requests()?;
                let who = |request: &saga::JoinRequest| {
                    (self.names.who(request.key, Some(&request.username)), request.was_removed)
                };
                Item::Requests { asking: asking.iter().map(who).collect(), may_invite: self.is_admin()? }
            }
            Command::Key => Item::Key(self.saga.key(), self.saga.writer()),
            Command::Connect { address } => {
                if self.saga.dial(address.as_str()) {
                    Item::Done(format!("connecting to {address}"))
                } else {
                    Item::Wrong("not connecting: too many addresses wait already".into())
                }
            }
            Command::Door { door } => {
                if let Some(door) = door {
                    self.saga.set_door(door);
                }
                let mut items = vec![Item::Door(self.saga.door())];
                if door.is_some() && !self.is_admin()? {
                    items.push(Item::Done("this takes effect once you are an admin".into()));
                }
                return Ok(items);
            }
            Command::Help => Item::Help,
            Command::Quit => return Ok(Vec::new()),
        };
        Ok(vec![item])
    }

    fn invite(&mut self, who: &str, role: Role) -> Result<Item, Failure> {
        let key = self.saga.find(who)?;
        if let Some(why) = self.no_admin()? {
            return Ok(why);
        }
        if self.saga.channel().role(&key)? >= Some(role) {
            return Ok(Item::Done(format!("{} may do that already", self.label(key, None))));
        }
        let asked = self.saga.requests()?.into_iter().find(|request| request.key == key);
        self.saga.invite(key, role)?;
        let label = self.label(key, asked.as_ref().map(|request| request.username.as_str()));
        Ok(Item::Done(match role {
            Role::Admin => format!("{label} may write now, and invite"),
            _ => format!("{label} may write now"),
        }))
    }

    fn remove(&mut self, who: &str) -> Result<Item, Failure> {
        let key = self.saga.find(who)?;
        if let Some(why) = self.no_admin()? {
            return Ok(why);
        }
        if key == self.saga.writer() {
            return Ok(Item::Wrong("this is you: /quit leaves".into()));
        }
        let label = self.label(key, None);
        match self.saga.remove(&key) {
            Ok(_) => {}
            Err(saga::Error::Channel(NotRemoved::NotAbove { by, .. })) => {
                let by = self.label(by, None);
                return Ok(Item::Wrong(format!(
                    "{by} let {label} in: only who did, or is above, can remove it"
                )));
            }
            Err(saga::Error::Channel(NotRemoved::NoMember { .. })) => {
                return Ok(Item::Wrong(format!("{label} may not write anyway")));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Item::Done(format!(
            "{label} writes no more: what is here of it stays, what comes later shows up nowhere. Reading goes on: it has the key"
        )))
    }

    /// Only admins say who may write; who they are.
    fn no_admin(&self) -> Result<Option<Item>, Failure> {
        if self.is_admin()? {
            return Ok(None);
        }
        let admins = self.saga.people()?.into_iter().filter(|person| person.role == Some(Role::Admin));
        let admins: Vec<String> = admins.take(3).map(|person| person.label()).collect();
        Ok(Some(Item::Wrong(match admins.as_slice() {
            [] => "only admins can do that, and nothing of the channel is here yet".into(),
            some => format!("only admins can do that: {}", some.join(", ")),
        })))
    }

    fn label(&self, key: WriterId, name: Option<&str>) -> String {
        label_text(&self.names.who(key, name))
    }
}
