//! Settings in the file that do not go into the secret, and where they belong.

use base::config::Values;

use crate::plan::SETTINGS;

/// Settings that come from a template parameter. The parameter always has a value, which takes precedence over the
/// secret's.
const PARAMETERS: [(&str, &str); 16] = [
    ("ALLOWED_RETURN_URLS", "AllowedReturnUrls"),
    ("CORS_ALLOWED_ORIGINS", "CorsAllowedOrigins"),
    ("IDLE_REFRESH_AFTER_DAYS", "IdleRefreshAfterDays"),
    ("JIRA_PROXY_ALLOW", "JiraProxyAllow"),
    ("JIRA_QUOTA_FOR_WRITES", "JiraQuotaForWrites"),
    ("JIRA_SCOPE_GROUPS", "JiraScopeGroups"),
    ("JUNCTURE_SECRETS_ID", "JunctureSecretsId"),
    ("PRODUCT_LOGO_URL", "ProductLogoUrl"),
    ("PRODUCT_NAME", "ProductName"),
    ("RATE_LIMIT_PER_IP", "RateLimitPerIp"),
    ("RATE_LIMIT_PER_KEY", "RateLimitPerKey"),
    ("RATE_LIMIT_WRONG_KEYS", "RateLimitWrongKeys"),
    ("REQUIRE_ACCOUNT_CONFIRMATION", "RequireAccountConfirmation"),
    ("REQUIRE_CONNECT_TOKEN", "RequireConnectToken"),
    ("REQUIRE_SAME_BROWSER", "RequireSameBrowser"),
    ("UNKNOWN_FIELDS", "UnknownFields"),
];

/// The name of each setting that has a value but does not belong in the secret, and where it belongs. Never the value.
pub(crate) fn belongs(given: &Values) -> Vec<(&str, String)> {
    let has_value = |(name, value): (_, &String)| (!value.trim().is_empty()).then_some(name);
    given
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .filter_map(has_value)
        .filter(|name| !SETTINGS.contains(name) && !is_of_the_development_stack(name))
        .map(|name| (name, place(name)))
        .collect()
}

fn place(name: &str) -> String {
    match PARAMETERS.iter().find(|(setting, _)| *setting == name) {
        Some((_, parameter)) => format!(
            "belongs to the template's parameter {parameter}: set \"{parameter}=…\" for the stage in samconfig.toml"
        ),
        None if name == "IDLE_REFRESH_BATCH" => "is no longer a setting, and has no effect".to_owned(),
        None => "is no setting of Juncture: is it spelled right?".to_owned(),
    }
}

/// Ports, and variables of the AWS SDK.
fn is_of_the_development_stack(name: &str) -> bool {
    name.starts_with("JUNCTURE_") && name.ends_with("_PORT") || name.starts_with("AWS_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &[(&str, &str)]) -> String {
        let given = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        belongs(&given).iter().map(|(name, place)| format!("{name} {place}\n")).collect()
    }

    #[test]
    fn only_parameters_and_misspelt_names_are_reported() {
        let told = told(&[
            ("DATABASE_URL", "hidden"),
            ("DATABSE_URL", "hidden"),
            ("RATE_LIMIT_PER_IP", "hidden"),
            ("REQUIRE_CONNECT_TOKEN", " "),
            ("JUNCTURE_PORT", "9000"),
            ("JUNCTURE_REDIS_PORT", "9001"),
        ]);
        let lines: Vec<&str> = told.lines().collect();
        assert!(!told.contains("hidden") && lines.len() == 2, "{told}");
        assert!(lines[0].starts_with("DATABSE_URL is no setting"), "{told}");
        assert!(
            lines[1].contains("RATE_LIMIT_PER_IP belongs to the template's parameter RateLimitPerIp"),
            "{told}"
        );
    }

    #[test]
    fn the_parameters_are_those_of_the_template() {
        let template = include_str!("../../template.yaml");
        let variables =
            template.lines().filter_map(|line| line.trim().split_once(": ")).filter(|(name, _)| {
                name.contains('_') && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            });
        let mut found = Vec::new();
        for (name, value) in variables {
            // The migrator's own secret, if it has one.
            if value == "!If [MigratorHasItsOwnSecret, !Ref MigratorSecretsId, !Ref JunctureSecretsId]" {
                continue;
            }
            match (name, value.strip_prefix("!Ref ").unwrap_or_else(|| panic!("{name} has no parameter"))) {
                ("JUNCTURE_STACK", "AWS::StackName") => {}
                // Empty unless set; if it is empty, the secret's value is used.
                ("DEFAULT_JIRA_SITE_REDIRECT_URI", "SiteRedirectUri") => {}
                pair => found.push(pair),
            }
        }
        assert!(template.contains("AllowOrigins: !Ref CorsAllowedOrigins"));
        found.push(("CORS_ALLOWED_ORIGINS", "CorsAllowedOrigins"));
        found.sort_unstable();
        assert_eq!(found, PARAMETERS);
    }

    #[test]
    fn every_setting_of_the_example_is_known() {
        let names = include_str!("../../.env.example").lines().filter_map(|line| line.split_once('='));
        let given: Vec<_> =
            names.filter(|(name, _)| !name.starts_with('#')).map(|(name, _)| (name, "x")).collect();
        assert!(given.len() > 30, "{given:?}");
        let told = told(&given);
        assert!(!told.contains("is no setting"), "{told}");
        assert_eq!(told.lines().count(), PARAMETERS.len());
    }
}
