//! The values of the language: what an expression evaluates to, one at a time. Columns of many live in [`crate::table`].

pub mod duration;
pub mod time;
pub mod window;
