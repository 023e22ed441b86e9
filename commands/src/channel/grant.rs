//! Granting.

use hyperlog_writers::{Channel, Role};
use serde_json::json;

use super::{GivenKey, print, root};
use crate::cli::say;
use crate::error::Failure;

/// Lets a key write.
pub(super) fn authorize(channel: &Channel, key: GivenKey, admin: bool, json: bool) -> Result<(), Failure> {
    let key = key.writer(channel, "authorize")?;
    if root(channel)? == Some(key) {
        return Err(Failure::AuthorizesRoot);
    }
    let role = if admin { Role::Admin } else { Role::Writer };
    let had = channel.role(&key)?;
    let grant = channel.authorize(key, role)?.to_string();
    let object = json!({ "grant": grant, "key": key.to_string(), "role": role.to_string() });
    print(json, &object, &grant)?;
    if let Some(had) = had {
        say(&format!("it was authorized before, as {had}: this is one more grant"));
    } else {
        say("it can write once it has synced with somebody who has this grant");
    }
    Ok(())
}
