//! One InfluxDB 2 client for every role.
