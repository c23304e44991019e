//! The alerter's tests, in one binary.

mod timelines;
