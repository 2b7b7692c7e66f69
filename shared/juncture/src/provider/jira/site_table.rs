//! The table `jira_connection`: the chosen site of a connection, and the selected project.

use crate::provider::info::SiteTable;

/// The name and URL are valid only if `jira_site_named` is the chosen site: older versions, which do not know these
/// three columns, may have stored another site since. So are the allowed projects, by `allowed_jira_projects_site`: on
/// another site, they allow nothing.
pub(super) const SITE_TABLE: SiteTable = SiteTable {
    chosen: r#"
        select connection_id, jira_site_id as site_id,
               case when jira_site_named = jira_site_id then jira_site_name end as site_name,
               case when jira_site_named = jira_site_id then jira_site_url end as site_url,
               selected_jira_project_id as project_id,
               case when allowed_jira_projects is null or allowed_jira_projects = '{selected}'
                         or allowed_jira_projects_site = jira_site_id then allowed_jira_projects
                    else '{}'::text[] end as allowed_projects
        from "juncture-core".jira_connection"#,
    save: r#"
        insert into "juncture-core".jira_connection as known
            (connection_id, jira_site_id, jira_site_name, jira_site_url, jira_site_named)
        values ($1, $2, $3, $4, $2)
        on conflict (connection_id) do update set
            jira_site_id = excluded.jira_site_id,
            jira_site_name = excluded.jira_site_name,
            jira_site_url = excluded.jira_site_url,
            jira_site_named = excluded.jira_site_named,
            selected_jira_project_id =
                case when known.jira_site_id = excluded.jira_site_id then known.selected_jira_project_id end,
            last_updated = now()"#,
    set_name: r#"
        update "juncture-core".jira_connection
        set jira_site_name = $3, jira_site_url = $4, jira_site_named = $2
        where connection_id = $1 and jira_site_id = $2
            and (jira_site_named is distinct from jira_site_id or jira_site_url is null)"#,
    select_project: r#"
        update "juncture-core".jira_connection
        set selected_jira_project_id = $2, last_updated = now()
        where connection_id = $1
        returning connection_id"#,
    allow_projects: r#"
        update "juncture-core".jira_connection
        set allowed_jira_projects = $2, allowed_jira_projects_site = jira_site_id, last_updated = now()
        where connection_id = $1
        returning connection_id"#,
};
