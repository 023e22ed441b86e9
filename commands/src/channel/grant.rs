//! Granting and revoking.

use hyperlog::WriterId;
use hyperlog_writers::{Channel, Revoked, Role};
use serde_json::json;

use super::standing::{nodes, void_count};
use super::{Revoke, count_members, print};
use crate::cli::say;
use crate::error::Failure;

/// Lets a key write.
pub(super) fn authorize(channel: &Channel, key: WriterId, admin: bool, json: bool) -> Result<(), Failure> {
    if key.as_bytes() == channel.key().topic().as_bytes() {
        return Err(Failure::ChannelsKey);
    }
    let role = if admin { Role::Admin } else { Role::Writer };
    let had = channel.role(&key)?;
    let grant = channel.authorize(key, role)?.to_string();
    let object = json!({ "grant": grant, "key": key.to_string(), "role": role.to_string() });
    print(json, &object, &grant)?;
    if let Some(had) = had {
        say(&format!("it was authorized before, as {had}: this is one more grant"));
    }
    Ok(())
}

/// Ends what was granted to a key.
pub(super) fn revoke(channel: &Channel, what: &Revoke, json: bool) -> Result<(), Failure> {
    if what.key == Some(channel.log().writer()) {
        return Err(Failure::RevokesItself);
    }
    let before = void_count(channel.log())?;
    let revoked = match (&what.grant, &what.key) {
        (Some(grant), _) => vec![channel.revoke(grant, what.keep())?],
        (None, Some(key)) => channel.revoke_key(key, what.keep())?,
        (None, None) => Vec::new(),
    };
    tell(&revoked, json)?;
    let void = void_count(channel.log())?.saturating_sub(before);
    if void > 0 {
        say(&format!(
            "{} of those here {} not count any more",
            nodes(void),
            if void == 1 { "does" } else { "do" }
        ));
    }
    Ok(())
}

/// Gives back what was granted to the local writer.
pub(super) fn resign(channel: &Channel, json: bool) -> Result<(), Failure> {
    let revoked = channel.resign()?;
    tell(&revoked, json)?;
    let (_, admins) = count_members(channel)?;
    say("this writer can only read from now on; what it wrote stays");
    if admins == 0 {
        say("no admin is left: only who has the recovery key can authorize anybody");
    }
    Ok(())
}

fn tell(revoked: &[Revoked], json: bool) -> Result<(), Failure> {
    for Revoked { id, kept, .. } in revoked {
        let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
        let object = json!({ "revocation": id.to_string(), "kept": kept });
        print(json, &object, &id.to_string())?;
    }
    Ok(())
}
