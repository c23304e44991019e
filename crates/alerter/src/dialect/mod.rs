//! From rules to neutral questions, and from their answers to the rows of each rule. The languages are
//! `watchpost_query`'s.
#![warn(clippy::disallowed_methods)]

pub mod question;
pub mod rows;
pub mod shape;
