//! Copies elsewhere, through the public surface: a store and a server that are doubles and fail on purpose, and the built
//! programs over a folder and over a real S3 server where there is one.

mod damage;
mod documents;
mod faulty_store;
mod influxdb;
mod keys;
mod names;
mod parquet;
mod real;
mod retention;
mod server_double;
mod ship;
