//! What every daemon shares: configuration, logging, signals, health.
