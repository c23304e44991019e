//! The channels that carry messages: one file each.
pub mod settings;
