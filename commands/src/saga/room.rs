//! The chat as the front ends see it: messages and events become items, each with what is known of who it is about.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;

use hyperlog::{News, NodeId};
use saga::{Event, Feed, Message, Position, Role, Saga};

use super::item::{Banner, Item, Said, Who};
use super::names::Names;
use crate::error::Failure;

/// More than this at once is not shown to a person, but the last of it.
const BURST: usize = 50;
/// What is shown of it.
const OF_BURST: usize = 20;
/// Troubles of the network that are told once.
const TROUBLES: usize = 64;

/// Who reads the messages. Each has a place of its own up to which it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Sees the last messages at every start.
    Person,
    /// Is told each message once.
    Program,
}

pub(crate) struct Room {
    pub(super) saga: Saga,
    pub(super) names: Names,
    feed: Feed<Message>,
    /// Shown already, though the feed is to come to them.
    shown: BTreeSet<NodeId>,
    /// The name of the channel, once it is known.
    channel: Option<String>,
    role: Option<Role>,
    /// What follows the last trouble of the network is the same again and again.
    troubles: BTreeSet<String>,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").field("saga", &self.saga).finish_non_exhaustive()
    }
}

impl Room {
    pub(crate) fn new(saga: Saga, reader: Reader) -> Result<Self, Failure> {
        let feed = saga.subscribe(match reader {
            Reader::Person => "screen",
            Reader::Program => "pipe",
        })?;
        let mut names = Names::new(saga.writer());
        for person in saga.people()? {
            if let Some(name) = &person.name {
                names.hear(person.key, name);
            }
        }
        let role = saga.channel().role(&saga.writer())?;
        let channel = channel_name(&saga)?;
        Ok(Self { saga, names, feed, shown: BTreeSet::new(), channel, role, troubles: BTreeSet::new() })
    }

    pub(crate) fn saga(&self) -> &Saga {
        &self.saga
    }

    pub(super) fn me(&self) -> Who {
        self.names.who(self.saga.writer(), Some(&self.saga.username()))
    }

    pub(super) fn is_admin(&self) -> Result<bool, saga::Error> {
        Ok(self.saga.channel().role(&self.saga.writer())? == Some(Role::Admin))
    }

    /// The channel's own name; none before anything of it is here.
    pub(crate) fn channel_name(&self) -> Option<String> {
        self.channel.clone()
    }

    pub(crate) fn banner(&self, joins: bool, recovery: Option<PathBuf>) -> Item {
        Item::Channel(Banner {
            key: self.saga.key(),
            name: self.channel_name(),
            me: self.me(),
            role: self.role,
            door: self.saga.door(),
            joins,
            recovery,
        })
    }

    // ---- messages ----

    /// The last messages, for somebody who comes back: what was not seen yet is told apart.
    pub(crate) fn welcome(&mut self) -> Result<Vec<Item>, Failure> {
        let mut unseen = 0;
        while let Some(message) = self.feed.try_next() {
            message?;
            unseen += 1;
        }
        let mut items = Vec::new();
        let (mut seen, new) = {
            let mut last = self.history(None, super::input::HISTORY.max(unseen.min(BURST)))?;
            let at = last.len().saturating_sub(unseen);
            let new = last.split_off(at);
            (last, new)
        };
        // Who comes for the first time has seen nothing.
        let is_back = !seen.is_empty();
        items.extend(seen.drain(..).map(Item::Said));
        if unseen > 0 && is_back {
            items.push(Item::New(unseen));
        }
        items.extend(new.into_iter().map(Item::Said));
        Ok(items)
    }

    /// All messages once more. What is shown here the feed does not bring again.
    pub(crate) fn all_again(&mut self) -> Result<Vec<Said>, Failure> {
        while let Some(message) = self.feed.try_next() {
            message?;
        }
        let messages = self.saga.messages()?;
        self.shown = messages.iter().map(|message| message.position.id).collect();
        Ok(messages.into_iter().map(|message| self.said(message).0).collect())
    }

    /// The last messages before one, or of all, oldest first.
    pub(crate) fn history(&mut self, before: Option<Position>, count: usize) -> Result<Vec<Said>, Failure> {
        let messages = self.saga.history(before, count)?;
        Ok(messages.into_iter().map(|message| self.said(message).0).collect())
    }

    /// The next message that came, and that its author goes by a name that another has, if that is news. It counts as told
    /// when the next one is asked for.
    pub(crate) fn next_message(&mut self) -> Result<Option<(Item, Option<Item>)>, Failure> {
        while let Some(message) = self.feed.try_next() {
            let message = message?;
            if !self.shown.remove(&message.position.id) {
                let (said, same_name) = self.said(message);
                return Ok(Some((Item::Said(said), same_name)));
            }
        }
        // What came since then is told by the feed alone.
        self.shown.clear();
        Ok(None)
    }

    /// What came, for a person: of very many messages the last.
    pub(crate) fn new_messages(&mut self) -> Result<Vec<Item>, Failure> {
        let (mut messages, mut others, mut skipped) = (VecDeque::new(), Vec::new(), 0);
        while let Some((message, same_name)) = self.next_message()? {
            messages.push_back(message);
            others.extend(same_name);
            if messages.len() > BURST {
                messages.pop_front();
                skipped += 1;
            }
        }
        let mut items = Vec::new();
        if skipped > 0 {
            skipped += messages.len() - OF_BURST;
            messages.drain(..messages.len() - OF_BURST);
            items.push(Item::Skipped(skipped));
        }
        items.extend(others.into_iter().take(BURST));
        items.extend(messages);
        Ok(items)
    }

    fn said(&mut self, message: Message) -> (Said, Option<Item>) {
        let same_name = self.hear(message.writer, &message.username);
        let by = self.names.who(message.writer, Some(&message.username));
        (Said { message, by }, same_name)
    }

    /// Somebody is called so.
    fn hear(&mut self, key: saga::WriterId, name: &str) -> Option<Item> {
        let is_news = self.names.hear(key, name);
        is_news.then(|| Item::SameName { who: self.names.who(key, Some(name)) })
    }

    // ---- people ----

    /// What is known of the channel only now, and whether the person here may do more, or less, than before.
    pub(crate) fn standing(&mut self) -> Result<Vec<Item>, Failure> {
        let mut items = Vec::new();
        if self.channel.is_none() {
            self.channel = channel_name(&self.saga)?;
            items.extend(self.channel.as_ref().map(|name| Item::Done(format!("this is channel {name}"))));
        }
        let role = self.saga.channel().role(&self.saga.writer())?;
        if std::mem::replace(&mut self.role, role) != role {
            items.push(match role {
                Some(Role::Admin) => {
                    Item::Done("you are an admin now: you may write, /invite and /remove".into())
                }
                Some(_) => Item::Done("you may write now".into()),
                None => Item::Wrong(
                "you were removed: what you write, and what nobody had heard by then, shows up nowhere; you can still read"
                    .into(),
            ),
            });
        }
        Ok(items)
    }

    /// What one may do here, in a word or two.
    pub(crate) const fn role_word(&self) -> &'static str {
        match self.role {
            Some(Role::Admin) => "admin",
            Some(_) => "may write",
            None => "read only",
        }
    }

    pub(crate) const fn may_write(&self) -> bool {
        self.role.is_some()
    }

    /// What happened, as items.
    pub(crate) fn event(&mut self, news: News<Event>) -> Result<Vec<Item>, Failure> {
        let event = match news {
            News::Event(event) => event,
            News::Missed(n) => {
                return Ok(vec![Item::Done(format!("{n} pieces of news were too many to tell"))]);
            }
        };
        let mut items = Vec::new();
        match event {
            Event::Join(user) => {
                items.extend(self.hear(user.key, &user.username));
                self.troubles.clear();
                items.insert(0, Item::Joined(self.names.who(user.key, Some(&user.username))));
            }
            Event::Leave(user) => items.push(Item::Left(self.names.who(user.key, Some(&user.username)))),
            Event::Admitted(user) => {
                items.push(Item::Admitted(self.names.who(user.key, Some(&user.username))))
            }
            Event::Request(request) => {
                items.extend(self.hear(request.key, &request.username));
                let who = self.names.who(request.key, Some(&request.username));
                let was_removed = request.was_removed;
                items.push(Item::Asks { who, was_removed, may_invite: self.is_admin()? });
            }
            Event::Broke { key, why } => items.push(Item::Broke { who: self.names.who(key, None), why }),
            Event::Net(what) => items.extend(self.is_new_trouble(&what).then_some(Item::Net(what))),
            _ => {}
        }
        Ok(items)
    }

    /// An address that cannot be reached is tried again and again, and told of once; so is one from which strangers come.
    fn is_new_trouble(&mut self, what: &str) -> bool {
        let what = what.split(", next try").next().unwrap_or(what);
        let what = what.split(" did not get in").next().unwrap_or(what);
        self.troubles.len() < TROUBLES && self.troubles.insert(what.to_owned())
    }
}

/// The name in the first node of the channel. Anybody may have chosen it.
fn channel_name(saga: &Saga) -> Result<Option<String>, Failure> {
    let genesis = saga.channel().genesis()?;
    Ok(genesis.map(|genesis| saga::sanitize_name(&genesis.name).unwrap_or_else(|| "without a name".into())))
}
