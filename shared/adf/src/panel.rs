//! Panels, which Markdown has as GitHub's alerts.

use pulldown_cmark::BlockQuoteKind;

/// The type of a panel, named as in ADF; the GitHub alert with the same colour is given for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Panel {
    /// Blue; `> [!NOTE]`.
    Info,
    /// Green; `> [!TIP]`.
    Success,
    /// Purple; `> [!IMPORTANT]`.
    Note,
    /// Yellow; `> [!WARNING]`.
    Warning,
    /// Red; `> [!CAUTION]`.
    Error,
}

impl Panel {
    /// Returns the panel for an ADF type; a type that Markdown lacks becomes the most similar one.
    pub(super) fn of_adf(panel_type: &str) -> Self {
        match panel_type {
            "success" | "tip" => Self::Success,
            "note" => Self::Note,
            "warning" => Self::Warning,
            "error" => Self::Error,
            _ => Self::Info,
        }
    }

    pub(super) fn adf(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Success => "success",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The word between `[!` and `]`.
    pub(super) fn alert(self) -> &'static str {
        match self {
            Self::Info => "NOTE",
            Self::Success => "TIP",
            Self::Note => "IMPORTANT",
            Self::Warning => "WARNING",
            Self::Error => "CAUTION",
        }
    }

    /// The label before the content where no panel is allowed.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Info => "Note:",
            Self::Success => "Tip:",
            Self::Note => "Important:",
            Self::Warning => "Warning:",
            Self::Error => "Caution:",
        }
    }
}

impl From<BlockQuoteKind> for Panel {
    fn from(alert: BlockQuoteKind) -> Self {
        match alert {
            BlockQuoteKind::Note => Self::Info,
            BlockQuoteKind::Tip => Self::Success,
            BlockQuoteKind::Important => Self::Note,
            BlockQuoteKind::Warning => Self::Warning,
            BlockQuoteKind::Caution => Self::Error,
        }
    }
}
