-- When the provider first refused the refresh token in words that may mean its own trouble, such as an app that was
-- suspended. It counts only if nothing was refreshed since: a version that does not know this column moves
-- refreshed_at and leaves the column as it was. NULL where there is no doubt.
alter table "juncture-core".connection
    add column if not exists doubted_at timestamptz;
