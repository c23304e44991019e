//! Where the binaries of this build lie.

use std::path::PathBuf;

/// The built binary of a name, such as `watchpost-engine`, beside this test's own executable
/// (`target/PROFILE/deps/TEST` lies beside `target/PROFILE/NAME`). `None` if it is not built.
pub fn binary(name: &str) -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let folder = test.parent()?;
    let profile = if folder.ends_with("deps") {
        folder.parent()?
    } else {
        folder
    };
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = profile.join(file);
    path.is_file().then_some(path)
}
