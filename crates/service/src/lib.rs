//! What every daemon shares, so that each role has the same manners: layered configuration,
//! logging, signals with a bounded drain, reload, health, self-metrics, TLS for servers.
//!
//! | to do | look in |
//! |---|---|
//! | declare and load a role's configuration | [`config`], [`cli`] |
//! | keep a secret out of logs | [`secret`] |
//! | start logging | [`logging`] |
//! | stop on SIGTERM, drain for a bounded time | [`shutdown`] |
//! | say to systemd that a role is ready and works | [`service_manager`] |
//! | ask a running process whether it answers | [`ping`] |
//! | take a changed file while running | [`reload`] |
//! | serve `/health`, `/ready`, `/metrics` | [`http`], [`metrics`] |
//! | accept connections, all of them bounded | [`connections`], [`descriptors`] |
//! | refuse names that are not ours | [`hosts`] |
//! | serve HTTPS with a certificate that renews | [`tls`] |
//! | keep what is written from other users | [`private_files`] |
//! | send a request to an address that somebody else chose | [`egress`] |

pub mod cli;
pub mod config;
pub mod connections;
pub mod descriptors;
pub mod egress;
pub mod hosts;
pub mod http;
pub mod logging;
pub mod metrics;
pub mod ping;
pub mod private_files;
pub mod reload;
pub mod secret;
pub mod service_manager;
pub mod shutdown;
pub mod tls;
