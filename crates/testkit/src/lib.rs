//! What tests share: case files, servers, receivers, folders.
