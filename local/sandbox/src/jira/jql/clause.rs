//! A parsed query, whose operands are not resolved yet.

pub(super) enum Clause {
    All(Vec<Clause>),
    Any(Vec<Clause>),
    Not(Box<Clause>),
    Term(Term),
}

pub(super) struct Term {
    pub(super) field: String,
    pub(super) operator: String,
    pub(super) operand: Operand,
}

/// What a field is compared with.
pub(super) enum Operand {
    One(Literal),
    /// In parentheses.
    List(Vec<Literal>),
}

impl Operand {
    pub(super) fn literals(&self) -> &[Literal] {
        match self {
            Self::One(literal) => std::slice::from_ref(literal),
            Self::List(literals) => literals,
        }
    }

    /// Whether this is the keyword `EMPTY` or `NULL`.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::One(Literal::Empty))
    }
}

pub(super) enum Literal {
    /// Without quotes.
    Word(String),
    Quoted(String),
    /// `EMPTY` or `NULL`.
    Empty,
    /// A function without arguments, by its name.
    Function(String),
}

impl Literal {
    /// The text of a value; a function keeps its parentheses.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Word(text) | Self::Quoted(text) => text.clone(),
            Self::Empty => "EMPTY".to_owned(),
            Self::Function(name) => format!("{name}()"),
        }
    }
}
