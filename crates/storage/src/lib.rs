//! Columns on disk: durable ingest, series index, scans, retention, deletes.
