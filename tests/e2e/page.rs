//! The page on which a person chooses a site, without a browser: as a form, and as what it says.

use anyhow::Result;
use juncture_local::atlassian::{Class, Decision, Fault, Rule};
use juncture_tests::{Answer, Bed, run};
use reqwest::Method;

async fn submit(bed: &Bed, code: &str, form: &str) -> Result<Answer> {
    let request = bed
        .request(Method::POST, &format!("/finalize-connection/jira/{code}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.to_owned());
    bed.send(request).await
}

#[test]
fn the_form_works_without_javascript() {
    run(async {
        let bed = Bed::shared().await?;
        let person = bed.person(&["harbour", "lighthouse", "library"])?;
        let code = person.connection_code().await?;
        let path = format!("/finalize-connection/jira/{code}");
        let page = bed.get(&path).await?;
        for expected in ["Harbour", "Lighthouse", "method=\"post\"", "lang=\"en\""] {
            assert!(page.page(200).contains(expected), "no {expected}");
        }
        assert!(!page.body.contains("Confluence only"));
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        for policy in ["script-src 'self'", "default-src 'none'", "frame-ancestors 'none'"] {
            assert!(page.header("content-security-policy").contains(policy), "no {policy}");
        }
        submit(bed, &code, "").await?.page(400);
        submit(bed, &code, "site_id=11111111-2222-3333-4444-555555555555").await?.page(400);
        let form = format!("site_id={}", bed.site_id("lighthouse")?);
        let done = submit(bed, &code, &form).await?;
        assert!(done.page(200).contains(&bed.stack.demo_url()), "{}", done.body);
        person.access_token().await?.json(200);
        submit(bed, &code, &form).await?.page(410);
        bed.get(&path).await?.page(410);
        Ok(())
    });
}

#[test]
fn the_product_goes_by_its_name_and_logo() {
    run(async {
        let logo = "https://cdn.example.com/logo.svg";
        let bed = Bed::start(|options| {
            options.settings.set("PRODUCT_NAME", "Acme & Sons");
            options.settings.set("PRODUCT_LOGO_URL", logo);
        })
        .await?;
        let person = bed.person(&["harbour"])?;
        let code = person.connection_code().await?;
        let path = format!("/finalize-connection/jira/{code}");
        let form = format!("site_id={}", bed.site_id("harbour")?);
        let unknown = format!("/finalize-connection/jira/cc_{}", "x".repeat(43));
        let declined = person.decide(&person.begin().await?, Decision::Decline)?;
        for (page, status) in [
            (bed.get(&path).await?, 200),
            (submit(&bed, &code, &form).await?, 200),
            (bed.get(&unknown).await?, 410),
            (bed.get(&declined).await?, 403),
            (bed.get("/api/frontend/oauth/authorization-callback/jira").await?, 400),
        ] {
            assert!(page.page(status).contains("Acme &#38; Sons"), "{}", page.body);
            assert!(page.body.contains(&format!("<img class=\"logo\" src=\"{logo}\"")), "{}", page.body);
            assert!(!page.body.contains(">localhost:"), "{}", page.body);
            let policy = page.header("content-security-policy");
            let images = policy.split("; ").find(|part| part.starts_with("img-src ")).unwrap_or_default();
            assert!(images.ends_with(&format!(" https://*.atlassian.net {logo}")), "{policy}");
            assert!(
                policy.contains("default-src 'none'") && policy.ends_with("frame-ancestors 'none'"),
                "{policy}"
            );
        }
        bed.stack.stop().await
    });
}

#[test]
fn links_that_are_no_good_say_so() {
    run(async {
        let bed = Bed::shared().await?;
        let unknown = format!("cc_{}", "x".repeat(43));
        let answer = bed.get(&format!("/finalize-connection/jira/{unknown}")).await?;
        assert!(answer.page(410).contains(&bed.stack.demo_url()), "no way to start again");
        bed.get("/finalize-connection/jira/short").await?.page(400);
        bed.get("/finalize-connection/jira/%3Cscript%3E").await?.page(400);
        bed.get(&format!("/finalize-connection/github/{unknown}")).await?.page(400);
        Ok(())
    });
}

#[test]
fn an_account_without_jira_and_an_outage_are_explained() {
    run(async {
        let bed = Bed::shared().await?;
        let nobody = bed.person(&["library"])?;
        let code = nobody.connection_code().await?;
        assert!(
            bed.get(&format!("/finalize-connection/jira/{code}")).await?.page(403).contains("No Jira site")
        );
        let person = bed.person(&["harbour"])?;
        let code = person.connection_code().await?;
        let outage = Fault::Status { status: 503, body: None };
        bed.atlassian().inject(Rule::new(Class::Resources, outage).account(&person.account).times(2));
        bed.get(&format!("/finalize-connection/jira/{code}")).await?.page(502);
        bed.get(&format!("/finalize-connection/jira/{code}")).await?.page(200);
        Ok(())
    });
}

#[test]
fn style_and_script_lie_beside_the_page() {
    run(async {
        let bed = Bed::shared().await?;
        for (path, content_type) in [
            ("/finalize-connection/style.css", "text/css; charset=utf-8"),
            ("/finalize-connection/finalize.js", "text/javascript; charset=utf-8"),
        ] {
            let answer = bed.get(path).await?;
            assert_eq!((answer.status, answer.header("content-type")), (200, content_type));
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
        Ok(())
    });
}
