//! The state that survives a restart, so that existing connections keep working: grants, tokens, and accounts that
//! were added. Settings, faults, and changes in Jira are lost.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::world::directory::Account;
use crate::world::tokens::Tokens;
use crate::world::{Grant, World};

#[derive(Serialize, Deserialize)]
struct SavedState<'a> {
    accounts: Cow<'a, [Account]>,
    grants: Cow<'a, BTreeMap<String, Grant>>,
    tokens: Cow<'a, Tokens>,
}

/// Loads the saved state, if the file exists.
pub(crate) fn load(path: &Path, world: &mut World) -> anyhow::Result<()> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let saved: SavedState<'_> = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a state of this sandbox; delete it", path.display()))?;
    for account in saved.accounts.iter() {
        if world.account(&account.key).is_none() {
            world.accounts.push(account.clone());
        }
    }
    world.grants = saved.grants.into_owned();
    world.tokens = saved.tokens.into_owned();
    world.tokens.forget_expired(world.now());
    Ok(())
}

/// Replaces the file atomically: after a crash it contains the old state or the new one.
pub(crate) fn save(path: &Path, world: &World) -> anyhow::Result<()> {
    let saved = SavedState {
        accounts: Cow::Borrowed(&world.accounts),
        grants: Cow::Borrowed(&world.grants),
        tokens: Cow::Borrowed(&world.tokens),
    };
    let draft = path.with_extension("tmp");
    fs::write(&draft, serde_json::to_vec(&saved)?)?;
    Ok(fs::rename(&draft, path)?)
}
