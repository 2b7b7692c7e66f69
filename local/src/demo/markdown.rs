//! Renders descriptions, which are Markdown, as safe HTML.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// Renders Markdown without raw HTML, inline styles or images, and with links to http, https and mailto only.
pub(super) fn to_html(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut rendered = String::new();
    html::push_html(&mut rendered, Parser::new_ext(markdown, options).map(safe));
    rendered
}

fn safe(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        Event::TaskListMarker(done) => Event::Text(CowStr::Borrowed(if done { "☑ " } else { "☐ " })),
        // Column alignment would become an inline style, which the page's CSP forbids.
        Event::Start(Tag::Table(columns)) => {
            Event::Start(Tag::Table(vec![pulldown_cmark::Alignment::None; columns.len()]))
        }
        Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
            level: below_the_page(level),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below_the_page(level))),
        // Jira serves images only to signed-in users, so they become links.
        Event::Start(
            Tag::Link { link_type, dest_url, title, id } | Tag::Image { link_type, dest_url, title, id },
        ) => {
            let dest_url = if leads_outside(&dest_url) { dest_url } else { CowStr::Borrowed("#") };
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        other => other,
    }
}

/// The page's own headings use the first two levels.
fn below_the_page(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

fn leads_outside(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "mailto"))
}

#[cfg(test)]
mod tests {
    use super::to_html;

    #[test]
    fn formatting_is_kept() {
        let html = to_html("# A\n\n**b** ~~c~~ [d](https://example.com/)\n\n- [x] e\n\n```rust\nlet f;\n```");
        for part in [
            "<h3>A</h3>",
            "<strong>b</strong>",
            "<del>c</del>",
            r#"<a href="https://example.com/">d</a>"#,
            "☑ e",
            "let f;",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn active_content_is_removed() {
        let html = to_html(
            "<script>a()</script>\n\nb <img src=x onerror=c()>\n\n[d](javascript:e()) [f](jAvAscript:g) \
             ![h](https://example.com/i) [j](data:text/html,k) <vbscript:l>\n\n|m|\n|:-:|\n|n|",
        );
        for active in
            ["<script", "<img", "javascript:e", "jAvAscript", "href=\"data:", "href=\"vbscript", "style="]
        {
            assert!(!html.contains(active), "{active} is in {html}");
        }
        for text in ["&lt;script&gt;", "onerror=c()", ">d</a>", r#"<a href="https://example.com/i">h</a>"#] {
            assert!(html.contains(text), "{text} is not in {html}");
        }
    }
}
