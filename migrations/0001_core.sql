-- The schema as the TypeScript Juncture made it. On a database of that version every statement finds its work
-- done, so that such a database is adopted as it is.

create schema if not exists "juncture-core";

do $$
begin
    create type "juncture-core".provider as enum ('jira');
exception
    when duplicate_object then null;
end
$$;

create table if not exists "juncture-core".connection (
    connection_id uuid primary key,
    refresh_token text not null,
    expires_at timestamptz not null,
    created_at timestamptz not null default now(),
    last_updated timestamptz not null default now(),
    invalid_refresh_token boolean not null default false
);

create table if not exists "juncture-core".connection_external_map (
    external_id text not null,
    provider "juncture-core".provider not null,
    connection_id uuid not null references "juncture-core".connection (connection_id) on delete cascade,
    primary key (external_id, provider)
);

create table if not exists "juncture-core".jira_connection (
    connection_id uuid primary key references "juncture-core".connection (connection_id) on delete cascade,
    selected_jira_project_id text,
    jira_site_id text not null,
    created_at timestamptz not null default now(),
    last_updated timestamptz not null default now()
);
