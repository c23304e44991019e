//! `cargo xtask bench` as a person calls it, in its quick form.

use std::path::Path;
use std::process::Command;

#[test]
fn the_quick_form_writes_a_page_of_what_it_ran() {
    let xtask = Path::new(env!("CARGO_BIN_EXE_xtask"));
    let binaries = xtask.parent().expect("a file lies in a folder");
    for name in ["watchpost-bench", "watchpost-engine"] {
        if !binaries.join(name).is_file() {
            println!(
                "skipped: bench::the_quick_form_writes_a_page_of_what_it_ran: {name} is not built"
            );
            return;
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("page.md");
    let kept = "# Benchmarks\n\n## web\n\nmeasured long ago\n";
    std::fs::write(&page, kept).expect("written");
    let output = Command::new(xtask)
        .args(["bench", "fleet", "--quick", "--binaries"])
        .arg(binaries)
        .arg("--page")
        .arg(&page)
        .output()
        .expect("it starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let text = std::fs::read_to_string(&page).expect("the page is there");
    for words in [
        "## fleet",
        "cargo xtask bench fleet --quick",
        "commit ",
        "load ",
        "| write ",
        "| query ",
        "## web\n\nmeasured long ago\n",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    assert!(!text.contains("failed:"), "{text}");
}
