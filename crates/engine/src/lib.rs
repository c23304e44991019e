//! An embedded server that speaks the InfluxDB 2 HTTP API and Flux.
