//! An operator's commands for one stage. `make secrets`, `make rotate`, `make drop-old` and `make reseal` run them;
//! `docs/rotating-keys.md` explains when. `make deploy` runs `check`, and `make smoke` runs `smoke`.

mod arguments;
mod ask;
mod aws;
mod check;
mod elsewhere;
mod plan;
mod reseal;
mod rotate;
mod secret;
mod smoke;
mod stage;

use std::process::ExitCode;

use anyhow::{Result, bail};

use arguments::Arguments;
use secret::Secret;
use stage::Stage;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let outcome = match words.next().as_deref() {
        // Works on any deployment, so it needs neither a stage nor AWS credentials.
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
    let stage = Stage::read(&arguments.stage)?;
    let access = aws::access(&stage)?;
    println!("Secret {} in {}", stage.secret, access.region);
    let secret = Secret::new(stage.secret, access)?;
    match arguments.command.as_str() {
        "check" => check::before_deployment(&secret, &arguments.stage).await,
        "secrets" => plan::carry_out(&secret, &arguments).await,
        "rotate" => rotate::rotate(&secret, &arguments).await,
        "drop-old" => rotate::drop_old(&secret, &arguments).await,
        "reseal" => {
            let values = secret.existing().await?;
            reseal::until_clean(&values).await
        }
        other => bail!("unknown command {other:?}\n{}", arguments::USAGE),
    }
}
