//! A story in five acts, told between other things, for what chance alone brings about too seldom: an admin grants
//! another one, who grants a third, who writes; the second revokes the third; the first does not agree.

use bytes::Bytes;
use hyperlog::Kind;
use hyperlog_writers::Role;

use crate::forge::{Draft, Forge, Past};
use crate::oracle::{No, State};
use crate::world::{Checked, World, grant, revoke};

/// How far it has come.
#[derive(Clone, Debug)]
pub(crate) struct Intrigue {
    /// Where all of it is known.
    place: usize,
    /// The grants of the three, as far as they were made.
    grants: Vec<No>,
    written: bool,
    revocation: Option<No>,
}

impl World {
    /// The next act, or two.
    pub(crate) fn intrigue(&mut self) -> Checked {
        self.act()?;
        if self.dice.chance(60) {
            self.look_at_changed(false)?;
            self.act()?;
        }
        Ok(())
    }

    fn act(&mut self) -> Checked {
        let Some(mut plot) = self.intrigue.take() else {
            self.intrigue = self.begin();
            return Ok(());
        };
        let last = plot.grants[plot.grants.len() - 1];
        let (by, draft) = match (plot.grants.len(), plot.written, plot.revocation) {
            (1..3, ..) => {
                let (key, admin) = (self.any_writer(), plot.grants.len() < 2 || self.dice.chance(50));
                let value = grant(&key, if admin { Role::Admin } else { Role::Writer });
                (last, Draft { kind: Kind::Grant, cap: Some(last), links: Vec::new(), value })
            }
            (_, false, _) => {
                let value = Bytes::from(format!("{:x}", self.dice.roll()));
                (last, Draft { kind: Kind::Data, cap: Some(last), links: Vec::new(), value })
            }
            (_, true, None) => {
                let order = self.places[plot.place].order.clone();
                let keep = self.any_keep(last, &order);
                (plot.grants[1], self.revocation(plot.grants[1], last, keep))
            }
            (_, true, Some(revocation)) => {
                let keep = if self.dice.chance(60) { Some(last) } else { self.book.get(revocation).prev };
                let ended = plot.grants[1];
                let keep = keep.filter(|no| self.book.get(*no).cap == Some(ended));
                (plot.grants[0], self.revocation(plot.grants[0], ended, keep.into_iter().collect()))
            }
        };
        let made = self.forge_one(plot.place, by, &draft)?;
        match (draft.kind, plot.revocation) {
            (Kind::Grant, _) => plot.grants.push(made),
            (Kind::Data, _) => plot.written = true,
            (_, None) => plot.revocation = Some(made),
            // The end.
            _ => return Ok(()),
        }
        self.intrigue = Some(plot);
        Ok(())
    }

    fn begin(&mut self) -> Option<Intrigue> {
        let place = self.any_place();
        let verdict = self.places[place].verdict(&self.book);
        let may = |no: &No| {
            let admin = self.book.grant(*no).is_some_and(|(_, role)| role == Role::Admin);
            admin && self.book.depth(*no) < 30 && verdict.state(*no) == State::Open
        };
        let open: Vec<No> = verdict.grants(&self.book).into_iter().filter(may).collect();
        let first = self.dice.pick(&open).copied()?;
        Some(Intrigue { place, grants: vec![first], written: false, revocation: None })
    }

    fn revocation(&self, cap: No, target: No, keep: Vec<No>) -> Draft {
        let value = revoke(&self.book.get(target).id, self.book.ids(keep.iter().copied()));
        let links = keep.into_iter().chain([target]).collect();
        Draft { kind: Kind::Revoke, cap: Some(cap), links, value }
    }

    /// A node by the holder of a grant, beside all that a peer has, which then gets it.
    fn forge_one(&mut self, place: usize, by: No, draft: &Draft) -> Result<No, String> {
        let writer = self.holder(by);
        let there = &self.places[place];
        let mut forge = Forge::new(Past::new(&there.level, &there.order), writer, self.topic);
        let id = forge.make(draft, &self.book);
        let parcels = forge.written(&mut self.book);
        self.send(parcels);
        let made = self.book.find(&id).expect("it was just written");
        self.keep_past(forge.end());
        let parcel = self.parcel_with(made);
        self.deliver(place, &[parcel])?;
        Ok(made)
    }
}
