//! Properties that every page must have, and tests of the choice of a site.
use crate::display::DisplayName;
use crate::provider::{Account, ProviderId};

use base::config::Settings;
use url::Url;

use super::*;

const HOSTILE: &str = r#"<script>alert(1)</script>"><img src=x onerror='alert(2)'> &amp;"#;

fn product() -> Product {
    let url = Url::parse(r#"https://app.example.com/done?a=1&b="><script>"#).unwrap();
    Product::from_url(&url).unwrap()
}

/// A product with a name and a logo, with or without a URL to return to.
fn branded(url: &str) -> Product {
    let pairs = [
        ("PRODUCT_NAME", "Acme & <Sons>"),
        ("PRODUCT_LOGO_URL", "https://cdn.example.com/logo.svg?a=1&b=\"x"),
        ("DEFAULT_JIRA_SITE_REDIRECT_URI", url),
    ];
    let settings = Settings::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Product::from_settings(&settings).unwrap().unwrap()
}

fn site<'a>(id: &'a str, name: &'a str) -> Site<'a> {
    Site { id, name, url: "https://acme.atlassian.net", avatar_url: None }
}

fn finalize<'a>(sites: &'a [Site<'a>], product: Option<&'a Product>) -> Finalize<'a> {
    Finalize {
        provider: ProviderId::Jira,
        sites,
        connection_code: "code-1",
        product,
        display_name: None,
        replaced_by: None,
        chosen: None,
        error: None,
    }
}

fn account(name: &str, email: &str) -> Account {
    Account { id: "1:a".to_owned(), name: Some(name.to_owned()), email: Some(email.to_owned()) }
}

#[test]
fn an_account_that_replaces_another_is_named_and_confirmed() {
    let sites = [site("1", "Acme")];
    let page = finalize(&sites, None);
    assert!(!page.html().contains("replace_account"));
    let ada = account("Ada Lovelace", "ada@example.com");
    let asked = Finalize { replaced_by: Some(&ada), ..page }.html();
    for part in ["Ada Lovelace", "ada@example.com", "name=\"replace_account\" value=\"true\" required"] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
}

#[test]
fn a_page_says_whom_the_connection_is_for() {
    let sites = [site("1", "Acme")];
    let page = finalize(&sites, None);
    assert!(!page.html().contains("Connect Jira to"));
    let name = DisplayName::parse("Acme <b>, ada@acme.example").unwrap().unwrap();
    let html = Finalize { display_name: Some(&name), ..page }.html();
    assert!(html.contains("Connect Jira to <b><bdi>Acme &#60;b&#62;, ada@acme.example</bdi></b>"), "{html}");
}

#[test]
fn a_page_shows_the_name_and_logo_of_the_product_instead_of_its_host() {
    for product in [branded("http://localhost:8001"), branded("")] {
        let sites = [site("1", "Harbour")];
        let mut pages: Vec<String> = messages(Some(&product)).iter().map(Message::html).collect();
        pages.push(finalize(&sites, Some(&product)).html());
        for page in pages {
            assert!(page.contains("<bdi>Acme &#38; &#60;Sons&#62;</bdi>"), "{page}");
            let logo = r#"<img class="logo" src="https://cdn.example.com/logo.svg?a=1&#38;b=%22x" alt="""#;
            assert_eq!(page.matches(logo).count(), 1, "{page}");
            // The URL is only used in links.
            assert!(!page.contains(">localhost:8001"), "{page}");
            assert_eq!(page.contains("localhost:8001"), product.url().is_some(), "{page}");
        }
    }
    let unnamed = messages(Some(&product()));
    assert!(unnamed.iter().all(|message| !message.html().contains("class=\"joint\"")));
}

#[test]
fn untrusted_names_are_truncated_and_do_not_affect_the_text_around_them() {
    let long = "x".repeat(5000);
    for (name, shown) in [
        ("Har\u{202e}bour\u{2066}", "Har bour"),
        ("one\ntwo\u{0}\u{200b}", "one two"),
        ("\u{202e}\u{200b}", "acme.atlassian.net"),
        (long.as_str(), &format!("{}…", "x".repeat(119))),
    ] {
        let sites = [site("1", name)];
        let html = finalize(&sites, None).html();
        assert!(html.contains(&format!("<bdi class=\"name\">{shown}</bdi>")), "{name}: {html}");
        assert!(!html.contains('\u{202e}') && !html.contains('\u{2066}') && !html.contains('\u{0}'));
    }
    let sites = [site("1", "Acme")];
    let stranger = account("\u{202e}ada\n", &long);
    let html = Finalize { replaced_by: Some(&stranger), ..finalize(&sites, None) }.html();
    assert!(html.contains("<bdi>ada</bdi>") && html.len() < 12_000, "{}", html.len());
}

fn messages(product: Option<&Product>) -> Vec<Message> {
    [
        Message::connected,
        Message::consent_declined,
        Message::state_expired,
        Message::other_browser,
        Message::prefetched,
        Message::no_offline_access,
        Message::account_unknown,
        Message::account_unavailable,
        Message::exchange_failed,
        Message::link_expired,
        Message::no_site,
        Message::provider_unreachable,
        Message::rate_limited,
        Message::timed_out,
        Message::link_malformed,
        Message::unavailable,
        Message::unexpected,
    ]
    .map(|message| message(ProviderId::Jira, product).with_reference(HOSTILE))
    .to_vec()
}

/// Every page, with untrusted names in it.
fn all_pages() -> Vec<String> {
    let product = product();
    let hostile = Site {
        id: HOSTILE,
        name: HOSTILE,
        url: "javascript:alert(1)",
        avatar_url: Some("javascript:alert(1)"),
    };
    let stranger = account(HOSTILE, HOSTILE);
    let ids: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    let many: Vec<_> = ids.iter().map(|id| site(id, HOSTILE)).collect();
    let mut pages = Vec::new();
    let (branded, homeless) = (branded("https://app.example.com"), branded(""));
    let name = DisplayName::parse(HOSTILE).unwrap().unwrap();
    for product in [None, Some(&product), Some(&branded), Some(&homeless)] {
        pages.extend(messages(product).iter().map(Message::html));
        for sites in [&[hostile][..], &[hostile, site("2", "Beta")], &many] {
            let page =
                Finalize { connection_code: HOSTILE, display_name: Some(&name), ..finalize(sites, product) };
            pages.push(page.html());
            pages.push(Finalize { replaced_by: Some(&stranger), ..page.clone() }.html());
            pages.push(Finalize { error: Some(HOSTILE), ..page }.html());
        }
    }
    pages
}

/// The tags of a page, without `<` and `>`.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap())
}

/// The tags of one element.
fn elements<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    tags(html).filter(|tag| tag.split([' ', '\n']).next() == Some(name)).collect()
}

#[test]
fn nothing_is_inline_and_untrusted_text_is_escaped() {
    for page in all_pages() {
        assert!(!page.contains("<script>") && !page.contains("<img src=x") && !page.contains("javascript:"));
        assert!(elements(&page, "style").is_empty());
        for script in elements(&page, "script") {
            assert_eq!(script, r#"script src="/finalize-connection/finalize.js" defer"#);
        }
        for tag in tags(&page) {
            // Values contain no unescaped quotation mark, so every other piece is outside quotes.
            let names: String = tag.split('"').step_by(2).collect();
            assert!(!names.contains(" style=") && !names.contains(" on"), "{tag}");
        }
    }
}

#[test]
fn every_page_has_a_language_a_title_and_one_main_heading() {
    for page in all_pages() {
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
        let title = page.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
        assert!(!title.trim().is_empty());
        // The content of a template is not displayed yet.
        let shown = page.split("<template").next().unwrap();
        assert_eq!(elements(shown, "h1").len(), 1);
        assert_eq!(elements(&page, "main").len(), 1);
    }
}

#[test]
fn a_message_says_what_to_do_next() {
    for message in messages(Some(&product())) {
        assert!(
            message.html().contains(r#"href="https://app.example.com/done?a=1&#38;b=%22%3E%3Cscript%3E""#)
        );
    }
    for message in messages(None) {
        let html = message.html();
        assert!(
            ["close this window", "To try again, ", "To go on, "].iter().any(|it| html.contains(it)),
            "{html}"
        );
        assert!(!html.contains("<a "));
    }
}

#[test]
fn only_success_redirects_automatically() {
    for message in messages(Some(&product())) {
        assert_eq!(message.html().contains("http-equiv"), message.status().is_success());
    }
    assert!(!Message::connected(ProviderId::Jira, None).html().contains("http-equiv"));
}

#[test]
fn every_control_is_labelled() {
    for page in all_pages() {
        for input in elements(&page, "input") {
            let radio_in_label = input.contains(r#"type="radio""#);
            let box_in_label =
                input.contains(r#"type="checkbox""#) && page.contains(r#"<label><input type="checkbox""#);
            assert!(
                radio_in_label
                    || box_in_label
                    || (input.contains(r#"id="search""#) && page.contains(r#"for="search""#))
            );
        }
        let labels = page.matches("<label class=\"site\"").count();
        assert_eq!(labels, page.matches(r#"type="radio""#).count());
        assert_eq!(labels, page.matches(r#"class="name""#).count());
        assert_eq!(page.matches("<fieldset").count(), page.matches("<legend").count());
    }
}

#[test]
fn the_form_works_without_the_script() {
    let html = finalize(&[site("1", "Acme"), site("2", "Beta")], None).html();
    let form = elements(&html, "form")[0];
    assert!(form.contains(r#"method="post""#) && !form.contains("action="));
    assert!(html.contains(r#"name="site_id" value="2" required"#));
    assert!(!elements(&html, "button")[0].contains("disabled"));
}

#[test]
fn a_single_site_is_chosen_and_several_are_not() {
    let sites = [site("1", "Acme"), site("2", "Beta")];
    let one = finalize(&sites[..1], None).html();
    assert_eq!(one.matches(" checked").count(), 1);
    assert!(one.contains("<bdi>Acme</bdi></span></button>"));
    let two = finalize(&sites, None);
    assert!(!two.html().contains(" checked"));
    let again = Finalize { chosen: Some("2"), error: Some("Jira did not answer."), ..two }.html();
    assert!(again.contains(r#"value="2" required checked"#) && again.contains("Jira did not answer.</p>"));
}

#[test]
fn many_sites_can_be_searched() {
    let ids: Vec<String> = (0..8).map(|n| n.to_string()).collect();
    let sites: Vec<_> = ids.iter().map(|id| site(id, "Acme")).collect();
    assert!(!finalize(&sites[..7], None).html().contains("type=\"search\""));
    assert!(finalize(&sites, None).html().contains("type=\"search\""));
}

#[test]
fn pictures_come_from_the_provider_only() {
    let page = |url| finalize(&[Site { avatar_url: Some(url), ..site("1", "Acme") }], None).html();
    let good = "https://site-admin-avatar-cdn.prod.public.atl-paas.net/avatars/240/flag.png";
    assert!(page(good).contains(&format!(r#"<img src="{good}""#)));
    for bad in [
        "http://cdn.atl-paas.net/flag.png",
        "https://evil.example/atl-paas.net",
        "https://evilatl-paas.net/flag.png",
        "https://cdn.atl-paas.net:8443/flag.png",
        "data:image/svg+xml,<svg/>",
        "//cdn.atl-paas.net/flag.png",
    ] {
        assert!(!page(bad).contains("<img"), "{bad}");
    }
}

#[test]
fn a_site_without_a_name_shows_its_host() {
    let html = finalize(&[site("1", " ")], None).html();
    assert!(html.contains(r#"<bdi class="name">acme.atlassian.net</bdi>"#));
}

#[test]
fn the_policy_names_the_domains_of_pictures() {
    let policy = HEADERS.iter().find(|(name, _)| *name == "content-security-policy").unwrap().1;
    let domains = "img-src data: https://*.atl-paas.net https://*.atlassian.com https://*.atlassian.net";
    assert!(policy.contains(domains), "{policy}");
}
