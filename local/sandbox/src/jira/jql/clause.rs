//! A query as it is written: operands are not looked up yet.

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
