//! An operator's commands for one stage. `make secrets`, `make rotate`, `make drop-old` and `make reseal` run
//! them; `docs/rotating-keys.md` says when.

mod arguments;
mod ask;
mod aws;
mod check;
mod plan;
mod reseal;
mod rotate;
mod secret;
mod smoke;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use arguments::Arguments;
use secret::Secret;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let outcome = match words.next().as_deref() {
        // Of any deployment, whoever owns it: no stage and no rights at AWS are needed.
        Some("smoke") => smoke::run(words).await,
        _ => run().await.map(|()| ExitCode::SUCCESS),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let id = format!("juncture/{}", arguments.stage);
    let access = aws::access()?;
    println!("Secret {id} in {}", access.region);
    let secret = Secret::new(id, access.client().context("the AWS client")?);
    match arguments.command.as_str() {
        "secrets" => plan::carry_out(&secret, &arguments).await,
        "rotate" => rotate::rotate(&secret, &arguments).await,
        "drop-old" => rotate::drop_old(&secret, &arguments).await,
        "reseal" => {
            let values = secret.existing().await?;
            reseal::until_clean(&values).await
        }
        other => bail!("there is no command {other:?}\n{}", arguments::USAGE),
    }
}
