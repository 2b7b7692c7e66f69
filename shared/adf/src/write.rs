//! Normalized blocks to ADF's JSON.

use serde_json::{Map, Value, json};

use super::model::{Block, Image, Inline, Item, Link, List, Marks};
use super::node::{Card, Node};

pub(super) fn document(blocks: Vec<Block>) -> Value {
    let mut writer = Writer::default();
    let content: Vec<Value> = blocks.into_iter().map(|block| writer.block(block)).collect();
    json!({ "type": "doc", "version": 1, "content": content })
}

#[derive(Default)]
pub(super) struct Writer {
    /// Tasks and decisions need ids that are unique in the document. They are numbered, so that the same text gives
    /// the same document.
    local_ids: u32,
}

/// The prefix of generated ids.
const LOCAL_ID: &str = "task-";

impl Writer {
    /// Creates a writer for a document that already has ids.
    pub(super) fn beside(document: &Value) -> Self {
        let mut local_ids = 0;
        let mut left = vec![document];
        while let Some(node) = left.pop() {
            let id = node.get("attrs").and_then(|attrs| attrs.get("localId")).and_then(Value::as_str);
            let number = id.and_then(|id| id.strip_prefix(LOCAL_ID)?.parse().ok());
            local_ids = local_ids.max(number.unwrap_or_default());
            left.extend(node.get("content").and_then(Value::as_array).into_iter().flatten());
        }
        Self { local_ids }
    }

    pub(super) fn block(&mut self, block: Block) -> Value {
        match block {
            Block::Paragraph(inlines) => json!({ "type": "paragraph", "content": line(inlines) }),
            Block::Heading(level, inlines) => {
                json!({ "type": "heading", "attrs": { "level": level }, "content": line(inlines) })
            }
            Block::Quote(blocks) => json!({ "type": "blockquote", "content": self.blocks(blocks) }),
            Block::Panel(panel, blocks) => {
                json!({ "type": "panel", "attrs": { "panelType": panel.adf() }, "content": self.blocks(blocks) })
            }
            Block::List(list) if list.is_tasks() => self.tasks(list),
            Block::List(List { start, items }) => {
                let items: Vec<Value> = items
                    .into_iter()
                    .map(|item| json!({ "type": "listItem", "content": self.blocks(item.blocks) }))
                    .collect();
                match start {
                    Some(start) => {
                        json!({ "type": "orderedList", "attrs": { "order": start }, "content": items })
                    }
                    None => json!({ "type": "bulletList", "content": items }),
                }
            }
            Block::Code { language, text } => code_block(language, text),
            Block::Rule => json!({ "type": "rule" }),
            Block::Table(rows) => self.table(rows),
            Block::Image(image) => media(image),
            Block::Decisions(lines) => self.decisions(lines),
            Block::Card { url, card } => card_node(url, card),
        }
    }

    fn blocks(&mut self, blocks: Vec<Block>) -> Vec<Value> {
        blocks.into_iter().map(|block| self.block(block)).collect()
    }

    fn local_id(&mut self) -> String {
        self.local_ids = self.local_ids.saturating_add(1);
        format!("{LOCAL_ID}{}", self.local_ids)
    }

    /// In ADF, the tasks below a task are a list next to it, not in it.
    fn tasks(&mut self, list: List) -> Value {
        let local_id = self.local_id();
        let mut content = Vec::with_capacity(list.items.len());
        for Item { task, blocks } in list.items {
            let mut blocks = blocks.into_iter();
            let text = match blocks.next() {
                Some(Block::Paragraph(inlines)) => line(inlines),
                _ => Vec::new(),
            };
            let state = if task == Some(true) { "DONE" } else { "TODO" };
            let attrs = json!({ "localId": self.local_id(), "state": state });
            content.push(json!({ "type": "taskItem", "attrs": attrs, "content": text }));
            content.extend(blocks.map(|block| self.block(block)));
        }
        json!({ "type": "taskList", "attrs": { "localId": local_id }, "content": content })
    }

    fn decisions(&mut self, lines: Vec<Vec<Inline>>) -> Value {
        let local_id = self.local_id();
        let mut content = Vec::with_capacity(lines.len());
        for inlines in lines {
            let attrs = json!({ "localId": self.local_id(), "state": "DECIDED" });
            content.push(json!({ "type": "decisionItem", "attrs": attrs, "content": line(inlines) }));
        }
        json!({ "type": "decisionList", "attrs": { "localId": local_id }, "content": content })
    }

    fn table(&mut self, rows: Vec<Vec<Vec<Block>>>) -> Value {
        let mut content = Vec::with_capacity(rows.len());
        for (number, row) in rows.into_iter().enumerate() {
            let kind = if number == 0 { "tableHeader" } else { "tableCell" };
            let cells: Vec<Value> = row.into_iter().map(|cell| self.cell(kind, cell)).collect();
            content.push(json!({ "type": "tableRow", "content": cells }));
        }
        let attrs = json!({ "isNumberColumnEnabled": false, "layout": "default" });
        json!({ "type": "table", "attrs": attrs, "content": content })
    }
}

impl Writer {
    pub(super) fn cell(&mut self, kind: &str, blocks: Vec<Block>) -> Value {
        json!({ "type": kind, "attrs": {}, "content": self.blocks(blocks) })
    }
}

fn code_block(language: Option<String>, text: String) -> Value {
    let attrs: Map<String, Value> =
        language.into_iter().map(|name| ("language".into(), name.into())).collect();
    let content = if text.is_empty() { json!([]) } else { json!([{ "type": "text", "text": text }]) };
    json!({ "type": "codeBlock", "attrs": attrs, "content": content })
}

fn media(Image { url, alt, link }: Image) -> Value {
    let mut attrs = json!({ "type": "external", "url": url });
    if !alt.is_empty() {
        attrs["alt"] = alt.into();
    }
    let mut media = json!({ "type": "media", "attrs": attrs });
    if let Some(link) = link {
        media["marks"] = json!([link_mark(&link)]);
    }
    json!({ "type": "mediaSingle", "attrs": { "layout": "center" }, "content": [media] })
}

pub(super) fn line(inlines: Vec<Inline>) -> Vec<Value> {
    let node = |inline| match inline {
        Inline::Text(text) => {
            let mut node = json!({ "type": "text", "text": text.text });
            let marks = marks(&text.marks);
            if !marks.is_empty() {
                node["marks"] = marks.into();
            }
            Some(node)
        }
        Inline::Break => Some(json!({ "type": "hardBreak" })),
        Inline::Node(node) => Some(inline_node(node)),
        // `normalize` leaves no images in a line.
        Inline::Image(_) => None,
    };
    inlines.into_iter().filter_map(node).collect()
}

fn inline_node(node: Node) -> Value {
    match node {
        Node::Mention { id, text } => json!({ "type": "mention", "attrs": { "id": id, "text": text } }),
        Node::Date(milliseconds) => {
            json!({ "type": "date", "attrs": { "timestamp": milliseconds.to_string() } })
        }
        Node::Status { text, color } => {
            json!({ "type": "status", "attrs": { "text": text, "color": color } })
        }
        Node::Card { url, card } => card_node(url, card),
    }
}

fn card_node(url: String, card: Card) -> Value {
    match card {
        Card::Inline => json!({ "type": "inlineCard", "attrs": { "url": url } }),
        Card::Block => json!({ "type": "blockCard", "attrs": { "url": url } }),
        Card::Embed => json!({ "type": "embedCard", "attrs": { "url": url, "layout": "center" } }),
    }
}

fn marks(marks: &Marks) -> Vec<Value> {
    let Marks { strong, em, strike, code, link } = marks;
    let plain = [(*em, "em"), (*strong, "strong"), (*strike, "strike"), (*code, "code")];
    let plain = plain.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| json!({ "type": name }));
    link.iter().map(|link| link_mark(link)).chain(plain).collect()
}

fn link_mark(Link { href, title }: &Link) -> Value {
    let mut attrs = json!({ "href": href });
    if let Some(title) = title {
        attrs["title"] = title.as_str().into();
    }
    json!({ "type": "link", "attrs": attrs })
}
