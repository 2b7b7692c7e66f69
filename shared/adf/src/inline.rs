//! The normal form of inline content. Both directions convert text into it, and Markdown can express everything in
//! it; this is why a document comes back unchanged.

use super::characters::{is_line_end, is_space, without_controls};
use super::model::{Inline, Marks, Text};

/// Converts inline content into its normal form:
///
/// - no empty texts, no adjacent texts with the same marks, no control characters; a line end becomes a space;
/// - code has no marks except a link;
/// - no whitespace at the ends of a line, and no breaks at the ends of the content;
/// - whitespace between two texts has only the marks that both have (Markdown cannot express `**bold **`).
pub(super) fn normal(inlines: impl IntoIterator<Item = Inline>) -> Vec<Inline> {
    let mut line = Normal::default();
    for inline in inlines {
        match inline {
            Inline::Text(text) => line.text(text),
            Inline::Break => line.line_break(),
            Inline::Image(_) | Inline::Node(_) => line.word(inline),
        }
    }
    line.done
}

#[derive(Default)]
struct Normal {
    done: Vec<Inline>,
    /// Whitespace after the last word of this line, with the marks that all of it has.
    space: Option<Text>,
    /// Breaks that only count if something follows.
    breaks: usize,
}

impl Normal {
    fn text(&mut self, Text { text, mut marks }: Text) {
        let text = without_controls(&text).replace(is_line_end, " ");
        if text.is_empty() {
            return;
        }
        if marks.code {
            marks = Marks { code: true, link: marks.link, ..Marks::default() };
            self.word(Inline::marked(text, marks));
            return;
        }
        let word = text.trim_matches(is_space);
        if word.is_empty() {
            self.space(&text, &marks);
            return;
        }
        let lead = text.len() - text.trim_start_matches(is_space).len();
        self.space(&text[..lead], &marks);
        self.word(Inline::marked(word, marks.clone()));
        self.space(&text[lead + word.len()..], &marks);
    }

    fn space(&mut self, text: &str, marks: &Marks) {
        if text.is_empty() {
            return;
        }
        match &mut self.space {
            Some(space) => {
                space.text.push_str(text);
                space.marks = space.marks.common(marks);
            }
            None => self.space = Some(Text { text: text.to_owned(), marks: marks.clone() }),
        }
    }

    fn line_break(&mut self) {
        self.space = None;
        if !self.done.is_empty() {
            self.breaks += 1;
        }
    }

    fn word(&mut self, word: Inline) {
        if self.breaks > 0 {
            self.space = None;
            self.done.extend(std::iter::repeat_n(Inline::Break, self.breaks));
            self.breaks = 0;
        }
        if let Some(mut space) = self.space.take()
            && let Some(before @ (Inline::Text(_) | Inline::Image(_) | Inline::Node(_))) = self.done.last()
        {
            space.marks = space.marks.common(before.marks()).common(word.marks());
            self.push(Inline::Text(space));
        }
        self.push(word);
    }

    fn push(&mut self, inline: Inline) {
        match (self.done.last_mut(), inline) {
            (Some(Inline::Text(last)), Inline::Text(next)) if last.marks == next.marks => {
                last.text.push_str(&next.text);
            }
            (_, inline) => self.done.push(inline),
        }
    }
}
