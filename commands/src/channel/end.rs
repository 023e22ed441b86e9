//! Ending what was granted: revoking and resigning.

use std::collections::{BTreeMap, BTreeSet};

use hyperlog::{NodeId, WriterId};
use hyperlog_writers::{Channel, Error, Grant, Keep, Revoked, Role, State};
use serde_json::json;

use super::standing::{nodes, void_count};
use super::{Revoke, count_members, print, root, something_is_here};
use crate::cli::say;
use crate::error::Failure;

/// Ends what was granted to a key.
pub(super) fn revoke(channel: &Channel, what: &Revoke, json: bool) -> Result<(), Failure> {
    let key = what.key.map(|key| key.writer(channel, "revoke")).transpose()?;
    something_is_here(channel)?;
    let before = void_count(channel.log())?;
    let mut ended_before = false;
    let (key, revoked) = match (key, &what.grant) {
        (Some(key), _) => {
            check_other(channel, key)?;
            (key, channel.revoke_key(&key, what.keep())?)
        }
        (None, Some(id)) => {
            let grant = find(channel, id)?;
            check_other(channel, grant.key)?;
            let revoked = channel.revoke(id, what.keep())?;
            ended_before = grant.state != State::Open;
            match grant.state {
                State::Revoked => say("it was ended already"),
                State::Void => say("it did not count before, either"),
                _ => {}
            }
            (grant.key, vec![revoked])
        }
        (None, None) => return Ok(()),
    };
    tell(&revoked, channel.role(&key)?, json)?;
    let void = void_count(channel.log())?.saturating_sub(before);
    let does = if void == 1 { "does" } else { "do" };
    match what.keep() {
        // What an earlier one left out stays out.
        Keep::Here if ended_before => {}
        Keep::Here => say("kept: all that it wrote and is here"),
        Keep::Only(ids) if ids.is_empty() => say("kept: nothing that it wrote"),
        Keep::Only(ids) => say(&format!("kept: {}, and all that it wrote before", of(ids.len()))),
    }
    if void > 0 || what.keep() != Keep::Here {
        say(&format!("{} of those here {does} not count any more", nodes(void)));
    }
    still(channel, &key)?;
    say("others know at their next sync");
    Ok(())
}

fn of(named: usize) -> String {
    if named == 1 { "the node named".into() } else { format!("the {named} nodes named") }
}

/// Refuses keys that somebody else has to end, or nobody can.
fn check_other(channel: &Channel, key: WriterId) -> Result<(), Failure> {
    if root(channel)? == Some(key) {
        return Err(Failure::RevokesRoot);
    }
    if key == channel.log().writer() { Err(Failure::RevokesItself) } else { Ok(()) }
}

fn find(channel: &Channel, id: &NodeId) -> Result<Grant, Failure> {
    let grant = channel.grants()?.into_iter().find(|grant| grant.id == *id);
    Ok(grant.ok_or(Error::NoGrant { id: *id })?)
}

/// Says by which grants a key can still write.
fn still(channel: &Channel, key: &WriterId) -> Result<(), Failure> {
    let (own, grants) = (Some(channel.log().writer()), channel.grants()?);
    for grant in grants.iter().filter(|grant| grant.key == *key && grant.state == State::Open) {
        let Grant { id, by, .. } = grant;
        let who = if root(channel)? == own || above(grant, &grants).iter().any(|above| Some(*above) == own) {
            "`revoke` with its key ends this one, too"
        } else {
            "who made that, or is above, has to end it"
        };
        say(&format!("it can still write, by grant {id} of {by}: {who}"));
    }
    Ok(())
}

/// Who can end a grant, besides the root: those whose grants it comes from, as far as these stand.
fn above(grant: &Grant, grants: &[Grant]) -> Vec<WriterId> {
    let mut writers = Vec::new();
    let mut next = grants.iter().find(|above| above.id == grant.cap);
    while let Some(grant) = next {
        if grant.state == State::Open && !writers.contains(&grant.key) {
            writers.push(grant.key);
        }
        next = grants.iter().find(|above| above.id == grant.cap);
    }
    writers
}

/// Gives back what was granted to the local writer.
pub(super) fn resign(channel: &Channel, json: bool) -> Result<(), Failure> {
    something_is_here(channel)?;
    let writer = channel.log().writer();
    if root(channel)? == Some(writer) {
        return Err(Failure::RootResigns);
    }
    let revoked = channel.resign()?;
    tell(&revoked, channel.role(&writer)?, json)?;
    say("this writer can only read from now on; what it wrote stays");
    tell_granted(channel, writer)?;
    let (_, admins) = count_members(channel)?;
    if admins == 0 {
        say("no admin is left: only who has the recovery key can authorize anybody");
    }
    say("others know at their next sync");
    Ok(())
}

/// Says what becomes of those whom a writer authorized that has resigned.
fn tell_granted(channel: &Channel, writer: WriterId) -> Result<(), Failure> {
    let grants = channel.grants()?;
    let stand: Vec<&Grant> =
        grants.iter().filter(|grant| grant.by == writer && grant.state == State::Open).collect();
    let keys: BTreeSet<WriterId> = stand.iter().map(|grant| grant.key).collect();
    if keys.is_empty() {
        return Ok(());
    }
    // Many were granted under one.
    let caps: BTreeMap<NodeId, &Grant> = stand.iter().map(|grant| (grant.cap, *grant)).collect();
    let admins: BTreeSet<WriterId> = caps.values().flat_map(|grant| above(grant, &grants)).collect();
    let admins = admins.iter().map(|admin| format!("{admin}, or "));
    let who = admins.chain(["who has the recovery key".to_owned()]).collect::<String>();
    let many = keys.len();
    say(&format!("whom it authorized stays authorized ({many} here); who can end that is above it: {who}"));
    Ok(())
}

fn tell(revoked: &[Revoked], still: Option<Role>, json: bool) -> Result<(), Failure> {
    let still = still.map(|role| role.to_string());
    for Revoked { id, kept, .. } in revoked {
        let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
        let object = json!({ "revocation": id.to_string(), "kept": kept, "still": still });
        print(json, &object, &id.to_string())?;
    }
    Ok(())
}
