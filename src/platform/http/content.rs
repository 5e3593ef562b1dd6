//! An answer that need not be JSON, and how much of it was read.

/// An answer that is no JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its `Content-Type`, without parameters, in lower case; empty where it has none.
    pub media: String,
    /// Its bytes.
    pub body: Body,
}

/// The bytes of an answer of which no more are read than are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// All of them.
    Whole(Vec<u8>),
    /// There are more than were wanted; nothing is kept.
    Larger,
}
