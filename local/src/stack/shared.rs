//! Servers that several stacks share: tests start them once, and each stack has its own data in them.

use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result};

use super::servers::Stores;
use super::{StackOptions, migrate};
use crate::services::pgbouncer::PgBouncer;
use crate::services::postgres::Postgres;
use crate::services::redis::Redis;

/// The database that those of the stacks are copies of: it has the migrations, and no rows.
const TEMPLATE: &str = "template_juncture";

/// A PostgreSQL, with a PgBouncer where one is asked for, and a Redis. Dropping it leaves them to the reaper.
#[derive(Debug)]
pub struct SharedServers {
    postgres: Postgres,
    pooler: Option<PgBouncer>,
    redis: Redis,
    next: AtomicU16,
}

impl SharedServers {
    /// Starts them on the ports and in the folder of `options`, and returns when they answer.
    pub async fn start(options: &StackOptions) -> Result<Self> {
        let Stores { postgres, pooler, redis } = Stores::start(options).await?;
        let postgres = postgres.context("a hosted PostgreSQL cannot be shared")?;
        let redis = redis.context("a hosted Redis cannot be shared")?;
        let template = postgres.create_database(TEMPLATE, None).await?;
        migrate(options, Some(&template)).await?;
        Ok(Self { postgres, pooler, redis, next: AtomicU16::new(0) })
    }

    /// Empty databases for one stack; the migrations are applied.
    pub(super) async fn stores(&self) -> Result<Stores> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("stack_{number}");
        Ok(Stores {
            postgres: Some(self.postgres.create_database(&name, Some(TEMPLATE)).await?),
            pooler: self.pooler.as_ref().map(|pooler| pooler.to_database(&name)),
            redis: Some(self.redis.database(number)?),
        })
    }
}
