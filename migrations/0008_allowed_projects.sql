-- The projects that a connection is limited to, by their ids, or {selected} for the one that is selected; NULL where it
-- is not limited. allowed_jira_projects_site is the site that the ids are of: they mean nothing on another, also if a
-- version that does not know these columns chooses it, so there they allow nothing.
alter table "juncture-core".jira_connection
    add column if not exists allowed_jira_projects text[],
    add column if not exists allowed_jira_projects_site text;
