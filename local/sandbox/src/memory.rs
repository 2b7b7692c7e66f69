//! What a sandbox remembers across restarts, so that connections made before one still work after it: the
//! grants, the tokens and the accounts that were added. Settings, faults, and what was
//! changed in Jira are forgotten.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::seed::Account;
use super::tokens::Tokens;
use super::world::{Grant, World};

#[derive(Serialize, Deserialize)]
struct Memory<'a> {
    accounts: Cow<'a, [Account]>,
    grants: Cow<'a, BTreeMap<String, Grant>>,
    tokens: Cow<'a, Tokens>,
}

/// Brings back what was saved; a file that does not exist is nothing to remember.
pub(super) fn load(path: &Path, world: &mut World) -> anyhow::Result<()> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let memory: Memory<'_> = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a state of this sandbox; delete it", path.display()))?;
    for account in memory.accounts.iter() {
        if world.account(&account.key).is_none() {
            world.accounts.push(account.clone());
        }
    }
    world.grants = memory.grants.into_owned();
    world.tokens = memory.tokens.into_owned();
    world.tokens.forget_expired(world.now());
    Ok(())
}

/// Replaces the file as a whole: a crash leaves the old state or the new one.
pub(super) fn save(path: &Path, world: &World) -> anyhow::Result<()> {
    let memory = Memory {
        accounts: Cow::Borrowed(&world.accounts),
        grants: Cow::Borrowed(&world.grants),
        tokens: Cow::Borrowed(&world.tokens),
    };
    let draft = path.with_extension("tmp");
    fs::write(&draft, serde_json::to_vec(&memory)?)?;
    Ok(fs::rename(&draft, path)?)
}
