//! How many files and connections this process may have open at a time.

/// Raises the soft limit of open descriptors to the hard one, and gives what is allowed now.
///
/// Systems keep the soft limit at 1024 for programs that use `select` (systemd's documentation of
/// `LimitNOFILE` says so); none of ours does. Gives the old limit where the system refuses, and
/// `u64::MAX` where it has none. Call it once, before anything is opened.
#[cfg(unix)]
pub fn raise_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let found = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: found.maximum,
        maximum: found.maximum,
    };
    // A system that refuses leaves the old limit in force, which the next line reads.
    let _ = setrlimit(Resource::Nofile, wanted);
    limit()
}

/// How many descriptors may be open, `u64::MAX` where there is no limit.
#[cfg(unix)]
pub fn limit() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .unwrap_or(u64::MAX)
}

/// Windows counts handles by memory alone.
#[cfg(not(unix))]
pub fn raise_limit() -> u64 {
    limit()
}

/// Windows counts handles by memory alone.
#[cfg(not(unix))]
pub fn limit() -> u64 {
    u64::MAX
}
