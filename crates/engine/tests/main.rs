//! The engine through its public surface: HTTP on loopback, the built binary, a data folder.

mod binary;
mod clients;
mod deletes;
mod durability;
mod failing_query;
mod flux_over_http;
mod full_disk;
mod fuzz;
mod hostile;
mod influxql;
mod influxql_limits;
mod legacy_users;
mod limits;
mod live_backup;
mod peers;
mod recorded;
mod running;
mod rust_client;
mod scenario;
mod schedule;
mod served;
mod tls;
mod write_route;
