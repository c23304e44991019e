//! One client of the server for every role: writes that say what to do next, neutral questions, queries as
//! typed tables, management as typed structs. Writes and questions go to a server of any kind.
//!
//! | to do | look in |
//! |---|---|
//! | connect | [`Client`], [`ClientConfig`], [`token`], [`tls`] |
//! | write line protocol and act on the answer | [`write`] |
//! | wait between attempts | [`backoff`], [`retry`] |
//! | ask a neutral question | [`ask`] |
//! | query Flux into tables | [`query`] |
//! | build Flux text that input cannot break out of | [`flux_text`] |
//! | buckets, tasks, tokens, … | [`management`] |
//! | take a copy of the embedded server | [`archive`] |

pub mod archive;
pub mod ask;
pub mod backoff;
mod client;
mod config;
mod error;
pub mod management;
pub mod query;
pub mod retry;
pub mod tls;
pub mod token;
pub mod write;

pub use watchpost_query::{Kind, flux_text};

pub use self::client::Client;
pub use self::config::ClientConfig;
pub use self::error::{Error, Result};
pub use self::token::TokenSource;
