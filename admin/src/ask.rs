//! Prompts for the operator.

use std::io::{IsTerminal, stdin};

use anyhow::{Context, Result, bail};

/// Whether there is a terminal to prompt on.
pub(crate) fn can_ask() -> bool {
    stdin().is_terminal()
}

/// Prompts for a value without echoing it; without a terminal, reads one line from stdin.
pub(crate) fn for_value(name: &str) -> Result<String> {
    let value = if can_ask() {
        rpassword::prompt_password(format!("  {name} (not shown): "))
            .context("cannot read from the terminal")?
    } else {
        let mut line = String::new();
        stdin().read_line(&mut line).context("cannot read the input")?;
        line
    };
    let value = value.trim();
    if value.is_empty() {
        bail!("no value for {name}: nothing was changed");
    }
    Ok(value.to_owned())
}
