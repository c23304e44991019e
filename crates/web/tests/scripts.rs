//! The types of the scripts, and the accessibility of the pages, by tools that are not the project's own:
//! `npm install --global typescript axe-core`.

use std::path::PathBuf;
use std::process::Command;

use watchpost_testkit::{Browser, skip};

use crate::overview::racks;

/// The types that the scripts' comments give hold (`tsconfig.json`).
#[test]
fn scripts_keep_to_their_types() {
    let mut check = Command::new("tsc");
    check.args(["--project", env!("CARGO_MANIFEST_DIR")]);
    let Ok(checked) = check.output() else {
        return skip("tsc is not installed");
    };
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}");
}

/// axe-core, where npm keeps what is installed for all.
fn axe() -> Option<String> {
    let root = Command::new("npm")
        .args(["root", "--global"])
        .output()
        .ok()?;
    let root = PathBuf::from(String::from_utf8(root.stdout).ok()?.trim());
    std::fs::read_to_string(root.join("axe-core/axe.min.js")).ok()
}

/// axe finds nothing on any page, light, dark and narrow.
pub(crate) fn axe_finds_nothing(browser: &Browser) {
    let Some(axe) = axe() else {
        return skip("axe-core is not installed");
    };
    let Some(fixture) = racks(12) else { return };
    for (theme, width) in [("light", 1300), ("dark", 1300), ("light", 400)] {
        browser.resize(width, 1000);
        for path in [
            "/",
            "/hosts/host-7",
            "/compare?pick=all&view=heat",
            "/compare?hosts=host-1",
            "/history",
            "/alerts",
        ] {
            browser.open(&fixture.url(path));
            browser.run(&format!(
                "document.documentElement.dataset.theme = '{theme}'"
            ));
            browser.wait("the page", "document.getElementById('live').dataset.state === 'on' && !document.body.dataset.loading");
            browser.run(&axe);
            let found = browser.run("return axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`).join('\\n'))");
            assert_eq!(found, "", "{path}, {theme}, {width} wide");
        }
    }
    browser.resize(1300, 1000);
}
