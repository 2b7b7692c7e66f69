-- When the refresh token was last used or given: a provider may let one die that nobody uses. A connection from
-- before counts from its newest access token, which lasts an hour, and else from its beginning: at worst it is
-- refreshed once more than it needed.
alter table "juncture-core".connection
    add column if not exists refreshed_at timestamptz;

update "juncture-core".connection
    set refreshed_at = coalesce(access_token_expires_at - interval '1 hour', created_at)
    where refreshed_at is null;

alter table "juncture-core".connection
    alter column refreshed_at set default now(),
    alter column refreshed_at set not null;

-- The scheduled refresh looks for those that were not used for longest.
create index if not exists connection_refreshed_at
    on "juncture-core".connection (refreshed_at) where not invalid_refresh_token;
