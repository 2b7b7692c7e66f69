-- Every write of a connection takes the next version, so that a cache entry written late never replaces a newer
-- one. One sequence for all rows: a connection that is deleted and made again goes on counting upwards.
create sequence if not exists "juncture-core".connection_version;

alter table "juncture-core".connection
    add column if not exists version bigint not null default nextval('"juncture-core".connection_version'),
    -- The access token (sealed) of the newest refresh is committed together with its refresh token, so that
    -- callers find it here when Redis is away.
    add column if not exists access_token text,
    add column if not exists access_token_expires_at timestamptz;

-- Deleting a connection must find its external ids.
create index if not exists connection_external_map_connection_id
    on "juncture-core".connection_external_map (connection_id);
