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
    pub(super) operands: Vec<String>,
}
