//! Questions to the operator.

use std::io::{IsTerminal, stdin};

use anyhow::{Context, Result, bail};

/// Whether somebody is there to answer.
pub(crate) fn can_ask() -> bool {
    stdin().is_terminal()
}

/// Asks for a value without showing it; without a terminal, one line of the input is the value.
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
