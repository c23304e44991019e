//! Loads a server and reports throughput, latency and loss honestly.
