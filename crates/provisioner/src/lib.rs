//! Makes buckets, tasks and tokens true: plan, apply, drift.
