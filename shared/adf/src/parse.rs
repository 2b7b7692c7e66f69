//! Markdown to blocks, from the events of the Markdown parser, without recursion.

use std::ops::Range;
use std::rc::Rc;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Tag, TagEnd};

use super::bare_urls::Piece;
use super::blocks::{Builder, Frame, OpenImage, OpenLink, Placed};
use super::characters::{code_text, without_controls};
use super::comments::{is_comment, without_comments};
use super::destination;
use super::links;
use super::model::{Block, Image, Inline, Item, List, Marks};
use super::node::Node;
use super::source::Source;

pub(super) fn blocks(markdown: &str) -> Vec<Block> {
    placed_blocks(markdown).into_iter().map(|placed| placed.block).collect()
}

/// Like [`blocks`], with lines. They are the lines of `markdown` only if it contains no link reference definitions.
pub(super) fn placed_blocks(markdown: &str) -> Vec<Placed> {
    let source = Rc::new(Source::of(markdown));
    let mut builder = Builder { source: source.clone(), ..Builder::default() };
    let mut depth = 0_usize;
    for (event, range) in source.events() {
        if depth == 0 {
            builder.lines.move_to(&source.text, &range);
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        match event {
            Event::Start(tag) => builder.start(tag, range),
            Event::End(tag) => builder.end(tag, range),
            Event::Text(text) => builder.text(&text),
            Event::Code(code) => builder.code(&code),
            Event::Html(html) => builder.html.push_str(&html),
            Event::InlineHtml(html) if is_comment(&html) => {}
            Event::InlineHtml(html) if is_break(&html) => builder.line_break(),
            Event::InlineHtml(html) => builder.text(&html),
            Event::SoftBreak => builder.text(" "),
            Event::HardBreak => builder.line_break(),
            Event::Rule => builder.block(Block::Rule),
            Event::TaskListMarker(done) => builder.task(done),
            // Extensions that are not enabled.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                builder.text(&text);
            }
        }
    }
    builder.finish()
}

fn is_break(html: &str) -> bool {
    let name = html.trim_start_matches('<').trim_end_matches('>').trim_end_matches('/').trim_end();
    name.eq_ignore_ascii_case("br")
}

impl Builder {
    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Paragraph | Tag::Heading { .. } | Tag::HtmlBlock => self.flush(),
            Tag::BlockQuote(None) => self.open(Frame::Quote(Vec::new())),
            Tag::BlockQuote(Some(alert)) => self.open(Frame::Panel(alert.into(), Vec::new())),
            Tag::List(start) => self.open(Frame::List(List { start, items: Vec::new() })),
            Tag::Item => {
                let flat = !matches!(self.frames.last(), Some(Frame::List(_)));
                self.open(if flat { Frame::Flat } else { Frame::Item(Item::default()) });
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                self.code = Some((self.language(&kind), String::new()));
            }
            Tag::Table(_) => {
                self.flush();
                self.rows.clear();
            }
            Tag::TableHead | Tag::TableRow => {
                self.rows.push(Vec::new());
                self.row_end = range.end;
                self.last_cell_end = None;
            }
            Tag::TableCell => self.inlines.clear(),
            Tag::Strong => self.strong += 1,
            Tag::Emphasis => self.em += 1,
            Tag::Strikethrough if self.is_strike(&range) => self.strike += 1,
            Tag::Strikethrough => self.text("~~"),
            Tag::Subscript => self.text("~"),
            Tag::Link { link_type, dest_url, title, .. } => {
                let mailto = if link_type == LinkType::Email { "mailto:" } else { "" };
                let raw = format!("{mailto}{}", self.source.urls.written(&dest_url));
                let title = self.source.urls.written(&title).into_owned();
                let link = links::link(&raw, &title);
                self.link = Some(OpenLink { raw, title, link, from: self.inlines.len() });
            }
            Tag::Image { dest_url, .. } => match &mut self.image {
                Some(image) => image.nested += 1,
                None => {
                    let url = destination::destination(&self.source.urls.written(&dest_url));
                    self.image = Some(OpenImage { url, alt: String::new(), nested: 0 });
                }
            },
            // Extensions that are not enabled.
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::Paragraph => self.flush(),
            TagEnd::HtmlBlock => {
                let html = std::mem::take(&mut self.html);
                self.html_lines(&without_comments(&html));
                self.flush();
            }
            TagEnd::Heading(level) => {
                let inlines = std::mem::take(&mut self.inlines);
                self.push(Block::Heading(level as u8, inlines));
            }
            TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item => self.close(),
            TagEnd::CodeBlock => {
                if let Some((language, mut text)) = self.code.take() {
                    if text.ends_with('\n') {
                        text.pop();
                    }
                    self.push(Block::Code { language, text: code_text(&text) });
                }
            }
            TagEnd::Table => {
                let rows = std::mem::take(&mut self.rows);
                self.push(Block::Table(rows));
            }
            TagEnd::TableHead | TagEnd::TableRow => self.end_row(range.end),
            // A cell with which the parser pads a short row.
            TagEnd::TableCell if range.start == self.row_end => {}
            TagEnd::TableCell => {
                let inlines = std::mem::take(&mut self.inlines);
                self.last_cell_end = Some(range.end);
                if let Some(row) = self.rows.last_mut() {
                    row.push(vec![Block::Paragraph(inlines)]);
                }
            }
            TagEnd::Strong => self.strong = self.strong.saturating_sub(1),
            TagEnd::Emphasis => self.em = self.em.saturating_sub(1),
            TagEnd::Strikethrough if self.is_strike(&range) => self.strike = self.strike.saturating_sub(1),
            TagEnd::Strikethrough => self.text("~~"),
            TagEnd::Subscript => self.text("~"),
            TagEnd::Link => self.end_link(),
            TagEnd::Image => self.end_image(),
            _ => {}
        }
    }

    /// GFM drops cells beyond the columns of the header; here their text is appended to the last cell.
    fn end_row(&mut self, end: usize) {
        let rest =
            self.last_cell_end.take().and_then(|from| self.source.text.get(from..end)).unwrap_or_default();
        let rest = rest.trim().trim_start_matches('|').trim_end_matches('|').trim();
        if rest.is_empty() {
            return;
        }
        let rest = self.source.urls.written(rest);
        if let Some([Block::Paragraph(inlines)]) =
            self.rows.last_mut().and_then(|row| row.last_mut()).map(Vec::as_mut_slice)
        {
            inlines.push(Inline::text(format!(" | {}", rest.replace("\\|", "|"))));
        }
    }

    fn end_link(&mut self) {
        let Some(OpenLink { raw, title, link, from }) = self.link.take() else { return };
        let shown = self.inlines.get(from..).unwrap_or_default();
        let blank = shown.iter().all(Inline::is_blank);
        // A destination that is too long for a link is kept, unless it is the text already.
        let too_long = link.is_none() && destination::is_web(raw.get(..8).unwrap_or_default());
        let text = shown.iter().filter_map(|inline| match inline {
            Inline::Text(text) => Some(text.text.as_str()),
            _ => None,
        });
        let text = text.collect::<String>();
        // An image's description is plain text.
        if self.image.is_some() {
            return;
        }
        if let Some(node) = Node::of_link(&text, &raw, &title) {
            self.inlines.truncate(from);
            self.inlines.push(Inline::Node(node));
            return;
        }
        let said = text == raw;
        if blank || (too_long && !said) {
            let shown = if blank { raw } else { format!(" ({raw})") };
            let marks = Marks { link, ..self.marks() };
            self.inlines.push(Inline::marked(shown, marks));
        }
    }

    fn end_image(&mut self) {
        match self.image.take() {
            Some(image) if image.nested > 0 => {
                self.image = Some(OpenImage { nested: image.nested - 1, ..image });
            }
            Some(OpenImage { url, alt, .. }) => {
                let alt = without_controls(&alt).split_whitespace().collect::<Vec<_>>().join(" ");
                let link = self.link.as_ref().and_then(|open| open.link.clone());
                self.inlines.push(Inline::Image(Image { url, alt, link }));
            }
            None => {}
        }
    }

    fn marks(&self) -> Marks {
        Marks {
            strong: self.strong > 0,
            em: self.em > 0,
            strike: self.strike > 0,
            code: false,
            link: self.link.as_ref().and_then(|open| open.link.clone()),
        }
    }

    fn text(&mut self, text: &str) {
        let urls = &self.source.urls;
        if let Some((_, code)) = &mut self.code {
            code.push_str(&urls.written(text));
        } else if let Some(image) = &mut self.image {
            image.alt.push_str(&urls.written(text));
        } else {
            for piece in urls.pieces(text) {
                let (text, link) = match piece {
                    Piece::Text(text) => (text, None),
                    Piece::Url(url) => (url.text.as_str(), Some(url.link.clone())),
                };
                let marks = self.marks();
                self.inlines.push(Inline::marked(text, Marks { link: marks.link.or(link), ..marks }));
            }
        }
    }

    /// Whether a delimiter run has exactly two tildes; shorter and longer ones are text.
    fn is_strike(&self, range: &Range<usize>) -> bool {
        let (before, after) = self.source.text.split_at_checked(range.start).unwrap_or_default();
        let is_longer = before.strip_suffix('~').is_some_and(|before| {
            let escapes = before.len() - before.trim_end_matches('\\').len();
            escapes % 2 == 0
        });
        !is_longer && !after.starts_with("~~~")
    }

    fn code(&mut self, code: &str) {
        let code = &*self.source.urls.written(code);
        match &mut self.image {
            Some(image) => image.alt.push_str(code),
            None => self.inlines.push(Inline::marked(code, Marks { code: true, ..self.marks() })),
        }
    }

    fn line_break(&mut self) {
        match &mut self.image {
            Some(image) => image.alt.push(' '),
            None => self.inlines.push(Inline::Break),
        }
    }

    /// Raw HTML becomes text, line by line.
    fn html_lines(&mut self, html: &str) {
        for line in html.split_inclusive('\n') {
            if !is_break(line.trim()) {
                self.text(line);
            }
            if line.ends_with('\n') {
                self.line_break();
            }
        }
    }

    fn task(&mut self, done: bool) {
        match self.frames.last_mut() {
            Some(Frame::Item(item)) => item.task = Some(done),
            _ => self.text(if done { "[x] " } else { "[ ] " }),
        }
    }

    /// Returns the first word of a fence's info string, if it can be written on a fence again.
    fn language(&self, kind: &CodeBlockKind<'_>) -> Option<String> {
        let CodeBlockKind::Fenced(info) = kind else { return None };
        let info = self.source.urls.written(info);
        let word = info.split_whitespace().next()?;
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '+' | '-' | '#' | '.' | '_' | '/');
        word.chars().all(plain).then(|| word.to_owned())
    }
}
