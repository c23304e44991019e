//! Collects the metrics of a host and writes them, losing nothing.
