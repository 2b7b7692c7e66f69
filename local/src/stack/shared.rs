//! Servers that several stacks share: tests start them once, and each stack has its own data in them.

use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result};

use crate::services::pgbouncer::PgBouncer;
use crate::services::postgres::Postgres;
use crate::services::redis::Redis;

/// The database that those of the stacks are copies of: it has the migrations, and no rows.
pub(super) const TEMPLATE: &str = "template_juncture";

/// A PostgreSQL, with a PgBouncer where one is asked for, and a Redis. Dropping it leaves them to the reaper.
#[derive(Debug)]
pub struct SharedServers {
    postgres: Postgres,
    pooler: Option<PgBouncer>,
    redis: Redis,
    next: AtomicU16,
}

/// A database of PostgreSQL, with its pooler where one is asked for, and one of Redis; neither where a hosted one is
/// used.
pub(super) struct Stores {
    pub(super) postgres: Option<Postgres>,
    pub(super) pooler: Option<PgBouncer>,
    pub(super) redis: Option<Redis>,
}

impl SharedServers {
    /// These servers, whose PostgreSQL has the [`TEMPLATE`].
    pub(super) fn of(stores: Stores) -> Result<Self> {
        let postgres = stores.postgres.context("a hosted PostgreSQL cannot be shared")?;
        let redis = stores.redis.context("a hosted Redis cannot be shared")?;
        Ok(Self { postgres, pooler: stores.pooler, redis, next: AtomicU16::new(0) })
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
