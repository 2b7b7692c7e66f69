-- What people know the chosen site by, and where they find it, so that answers can link to it. NULL where it is not
-- known, as for connections from before until their next call of Jira. jira_site_named is the site that the two are of:
-- a version that does not know these columns chooses another site and leaves them as they were, so they count only where
-- it is jira_site_id.
alter table "juncture-core".jira_connection
    add column if not exists jira_site_name text,
    add column if not exists jira_site_url text,
    add column if not exists jira_site_named text;
