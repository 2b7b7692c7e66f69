//! Servers that several stacks share: tests start them once, and each stack has its own databases in them.

use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result};

use crate::services::pgbouncer::PgBouncer;
use crate::services::postgres::Postgres;
use crate::services::redis::Redis;

/// The template database that each stack's database is copied from: migrated, without rows.
pub(super) const TEMPLATE: &str = "template_juncture";

/// A PostgreSQL, a PgBouncer if requested, and a Redis. Dropping it leaves the processes to the reaper.
#[derive(Debug)]
pub struct SharedServers {
    postgres: Postgres,
    pooler: Option<PgBouncer>,
    redis: Redis,
    next: AtomicU16,
}

/// A PostgreSQL database, a pooler if requested, and a Redis database. Each is `None` if a hosted one is used.
pub(super) struct Stores {
    pub(super) postgres: Option<Postgres>,
    pub(super) pooler: Option<PgBouncer>,
    pub(super) redis: Option<Redis>,
}

impl SharedServers {
    /// Wraps running servers; their PostgreSQL must have the [`TEMPLATE`] database.
    pub(super) fn of(stores: Stores) -> Result<Self> {
        let postgres = stores.postgres.context("a hosted PostgreSQL cannot be shared")?;
        let redis = stores.redis.context("a hosted Redis cannot be shared")?;
        Ok(Self { postgres, pooler: stores.pooler, redis, next: AtomicU16::new(0) })
    }

    /// Creates databases for one stack: migrated, and otherwise empty.
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
