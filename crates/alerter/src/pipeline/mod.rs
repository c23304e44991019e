//! From alerts to messages: pure stages on a clock that is an argument.
//!
//! For each alert of a group that is due, in this order, each naming its reason:
//! `inhibition`, `mute`, `silence`, `acknowledgement`. What passes is a group
//! (`grouping`, laid out by the tree in `route`); `dedup` compares it with what was said
//! last; `delivery` retries, limits and digests. `dispatcher` drives them; `membership`,
//! `ended_groups`, `outcome` and `inspection` are the parts of it that their names say.
//!
//! The semantics are Alertmanager's (0.25 timelines are test data of this crate), with
//! one addition that its users ask for: an end is told to whoever was told of the start,
//! even when the alert was inhibited, muted, silenced or acknowledged in between; `silence_notice`
//! adds another.
#![warn(clippy::disallowed_methods)]

pub mod acknowledgement;
mod composition;
pub mod dedup;
pub mod delivery;
pub mod dispatcher;
mod ended_groups;
pub mod explanation;
pub mod grouping;
pub mod inhibition;
mod inspection;
mod membership;
pub mod mute;
pub mod notification;
mod outcome;
pub mod route;
pub mod silence;
pub mod silence_notice;
pub mod snapshot;
pub mod unsettled;

use std::fmt;

use serde::{Deserialize, Serialize};

/// The stages an alert passes, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Inhibition,
    Mute,
    Silence,
    Acknowledgement,
    Grouping,
    Dedup,
    Delivery,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Inhibition => "inhibition",
            Stage::Mute => "mute",
            Stage::Silence => "silence",
            Stage::Acknowledgement => "acknowledgement",
            Stage::Grouping => "grouping",
            Stage::Dedup => "dedup",
            Stage::Delivery => "delivery",
        })
    }
}

/// Why an alert is kept back: the stage, what caused it (a silence id, the inhibiting
/// alert's fingerprint, a window's name) and a sentence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suppression {
    pub stage: Stage,
    pub by: String,
    pub reason: String,
}
