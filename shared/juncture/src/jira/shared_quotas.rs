//! Exhausted quotas, which the instances of all functions tell each other through Redis.
//!
//! One key for each app holds a JSON object: when the app's quota resets (`app`), and those of sites (`site:<cloud
//! id>`), in seconds since the Unix epoch. It is read with the connection, before the site is known, and expires with the
//! last of them. It is expendable: without it, each instance finds out by itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atlassian::{ExhaustedQuotas, Quota, QuotaNotices};
use base::config::{Settings, SettingsError};
use base::crypto::sha256_hex;
use futures_util::future::BoxFuture;
use serde_json::Value;
use stores::upstash::{Command, Upstash};

/// How many quotas the key holds at most, because every call reads it.
const MAX_QUOTAS: usize = 100;

const APP: &str = "app";

fn site_name(site: &str) -> String {
    format!("site:{site}")
}

/// The exhausted quotas of one app.
pub(crate) struct SharedQuotas {
    redis: Arc<Upstash>,
    key: String,
}

impl SharedQuotas {
    /// Those of the deployment's app. Setting: `DEFAULT_JIRA_CLIENT_ID`.
    pub(crate) fn new(settings: &Settings, redis: Arc<Upstash>) -> Result<Self, SettingsError> {
        let client_id = settings.required("DEFAULT_JIRA_CLIENT_ID")?;
        Ok(Self { redis, key: format!("juncture:jira-quota:{}", sha256_hex(client_id.as_bytes())) })
    }

    /// The Redis key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

/// Decodes the key's value for calls to a site. Anything unreadable counts as absent.
pub(crate) fn decode(value: Option<&str>, site: &str) -> ExhaustedQuotas {
    let told: Option<Value> = value.and_then(|value| serde_json::from_str(value).ok());
    let until = |name: &str| {
        let seconds = told.as_ref()?.get(name)?.as_u64()?;
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    };
    ExhaustedQuotas { app: until(APP), site: until(&site_name(site)) }
}

impl QuotaNotices for SharedQuotas {
    fn tell<'a>(&'a self, quota: Quota, site: &'a str, until: SystemTime) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let name = match quota {
                Quota::App => APP.to_owned(),
                Quota::Site => site_name(site),
            };
            if let Err(error) = self.redis.run(add(&self.key, &name, SystemTime::now(), until)).await {
                tracing::warn!(cause = %error, "exhausted quota not told to other instances");
            }
        })
    }
}

/// Adds a quota to the others that have not reset yet.
fn add(key: &str, name: &str, now: SystemTime, until: SystemTime) -> Command {
    const ADD: &str = "\
        local now = tonumber(ARGV[3]) \
        local kept, last, count = { [ARGV[1]] = tonumber(ARGV[2]) }, tonumber(ARGV[2]), 1 \
        local readable, known = pcall(cjson.decode, redis.call('GET', KEYS[1]) or '{}') \
        if readable and type(known) == 'table' then \
            for name, ends in pairs(known) do \
                if type(name) == 'string' and type(ends) == 'number' and ends > now \
                    and name ~= ARGV[1] and count < tonumber(ARGV[4]) then \
                    kept[name], last, count = ends, math.max(last, ends), count + 1 \
                end \
            end \
        end \
        redis.call('SET', KEYS[1], cjson.encode(kept), 'EX', math.max(last - now, 1)) \
        return count";
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    // Rounded up: a call too early would be refused by Jira.
    let until = (seconds(until) + 1).to_string();
    Command::eval(ADD, key, &[name, &until, &seconds(now).to_string(), &MAX_QUOTAS.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(seconds: u64) -> Option<SystemTime> {
        Some(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn each_site_has_its_quota_and_the_apps() {
        let stored = r#"{"app":1800000000,"site:a":1800000060,"site:b":"soon"}"#;
        let of = |site| decode(Some(stored), site);
        assert_eq!(of("a"), ExhaustedQuotas { app: until(1_800_000_000), site: until(1_800_000_060) });
        assert_eq!(of("b"), ExhaustedQuotas { app: until(1_800_000_000), site: None });
        assert_eq!(of("app"), of("c"), "a site's name is not the app's");
    }

    #[test]
    fn anything_else_is_nothing() {
        for value in [None, Some(""), Some("[]"), Some("7"), Some(r#"{"app":-1}"#), Some(r#"{"app":1e300}"#)]
        {
            assert_eq!(decode(value, "a"), ExhaustedQuotas::default(), "{value:?}");
        }
    }
}
