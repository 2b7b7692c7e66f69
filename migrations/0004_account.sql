-- Whose consent a connection rests on: the SHA-256 of the connection's id and the provider's id of the account. It
-- tells whether another account comes, and neither who it is nor whether two connections have the same. NULL where it
-- is not known, as for connections from before.
alter table "juncture-core".connection
    add column if not exists account_digest text;
