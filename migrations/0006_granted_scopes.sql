-- What the consent allows, as the provider told with the newest tokens: names of scopes with a space in between. A
-- version that does not know this column leaves what an earlier consent allowed, until the next refresh. NULL where it
-- is not known, as for connections from before.
alter table "juncture-core".connection
    add column if not exists granted_scopes text;
