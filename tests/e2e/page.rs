//! The page for choosing a site, tested without a browser: the form and the texts.

use anyhow::Result;
use juncture_tests::{Answer, TestStack, run};
use reqwest::Method;
use sandbox::{Class, Decision, Fault, Rule};

async fn submit(stack: &TestStack, code: &str, form: &str) -> Result<Answer> {
    let request = stack
        .request(Method::POST, &format!("/finalize-connection/jira/{code}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.to_owned());
    stack.send(request).await
}

#[test]
fn the_form_works_without_javascript() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour", "lighthouse", "library"])?;
        let code = person.connection_code().await?;
        let path = format!("/finalize-connection/jira/{code}");
        let page = stack.get(&path).await?;
        for expected in ["Harbour", "Lighthouse", "method=\"post\"", "lang=\"en\""] {
            assert!(page.page(200).contains(expected), "no {expected}");
        }
        assert!(!page.body.contains("Confluence only"));
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        for policy in ["script-src 'self'", "default-src 'none'", "frame-ancestors 'none'"] {
            assert!(page.header("content-security-policy").contains(policy), "no {policy}");
        }
        submit(stack, &code, "").await?.page(400);
        submit(stack, &code, "site_id=11111111-2222-3333-4444-555555555555").await?.page(400);
        let form = format!("site_id={}", stack.site_id("lighthouse")?);
        let done = submit(stack, &code, &form).await?;
        assert!(done.page(200).contains(&stack.demo_url()), "{}", done.body);
        person.access_token().await?.json(200);
        submit(stack, &code, &form).await?.page(410);
        stack.get(&path).await?.page(410);
        Ok(())
    });
}

#[test]
fn the_page_shows_the_products_name_and_logo() {
    run(async {
        let logo = "https://cdn.example.com/logo.svg";
        let stack = TestStack::start(|options| {
            options.settings.set("PRODUCT_NAME", "Acme & Sons");
            options.settings.set("PRODUCT_LOGO_URL", logo);
        })
        .await?;
        let person = stack.person(&["harbour"])?;
        let code = person.connection_code().await?;
        let path = format!("/finalize-connection/jira/{code}");
        let form = format!("site_id={}", stack.site_id("harbour")?);
        let unknown = format!("/finalize-connection/jira/cc_{}", "x".repeat(43));
        let declined = person.decide(&person.begin().await?, Decision::Decline)?;
        for (page, status) in [
            (stack.get(&path).await?, 200),
            (submit(&stack, &code, &form).await?, 200),
            (stack.get(&unknown).await?, 410),
            (stack.get(&declined).await?, 403),
            (stack.get("/api/frontend/oauth/authorization-callback/jira").await?, 400),
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
        stack.stop().await
    });
}

#[test]
fn links_that_are_no_good_say_so() {
    run(async {
        let stack = TestStack::shared().await?;
        let unknown = format!("cc_{}", "x".repeat(43));
        let answer = stack.get(&format!("/finalize-connection/jira/{unknown}")).await?;
        assert!(answer.page(410).contains(&stack.demo_url()), "no way to start again");
        stack.get("/finalize-connection/jira/short").await?.page(400);
        stack.get("/finalize-connection/jira/%3Cscript%3E").await?.page(400);
        stack.get(&format!("/finalize-connection/github/{unknown}")).await?.page(400);
        Ok(())
    });
}

#[test]
fn an_account_without_jira_and_an_outage_are_explained() {
    run(async {
        let stack = TestStack::shared().await?;
        let nobody = stack.person(&["library"])?;
        let code = nobody.connection_code().await?;
        assert!(
            stack.get(&format!("/finalize-connection/jira/{code}")).await?.page(403).contains("No Jira site")
        );
        let person = stack.person(&["harbour"])?;
        let code = person.connection_code().await?;
        let outage = Fault::Status { status: 503, body: None };
        stack.atlassian().inject(Rule::new(Class::Resources, outage).account(&person.account).times(2));
        stack.get(&format!("/finalize-connection/jira/{code}")).await?.page(502);
        stack.get(&format!("/finalize-connection/jira/{code}")).await?.page(200);
        Ok(())
    });
}

#[test]
fn style_and_script_are_served_next_to_the_page() {
    run(async {
        let stack = TestStack::shared().await?;
        for (path, content_type) in [
            ("/finalize-connection/style.css", "text/css; charset=utf-8"),
            ("/finalize-connection/finalize.js", "text/javascript; charset=utf-8"),
        ] {
            let answer = stack.get(path).await?;
            assert_eq!((answer.status, answer.header("content-type")), (200, content_type));
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
        Ok(())
    });
}
