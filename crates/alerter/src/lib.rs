//! Evaluates rules, remembers what was sent, and notifies.
