//! The provisioner through its public surface: files and plans as cases, then a real server.

mod desired_state;
mod planning;
