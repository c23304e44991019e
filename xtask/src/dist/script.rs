//! The scripts that run when a package comes and goes: those of `deploy/packages`, filled in for a role. Debian and RPM call
//! the same ones, but for `before-install`.

use std::fs;

use anyhow::{Context, Result};

use super::Release;
use super::contents::Role;

/// The units of all roles, in the order in which each needs the others.
const PLATFORM_UNITS: &str = "watchpost-engine.service watchpost-provisioner.service watchpost-health.timer \
     watchpost-alerter.service watchpost-web.service watchpost-agent.service";

/// One of `before-install`, `after-install`, `before-remove`, `after-remove`.
pub(super) fn of_role(release: &Release, name: &str, role: &Role) -> Result<String> {
    let path = release.root.join(format!("deploy/packages/{name}.sh"));
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(text
        .replace("@NAME@", &role.program())
        .replace("@ROLE@", role.name)
        .replace("@UNITS@", &role.units.join(" "))
        .replace("@TOKENS@", &role.tokens.join(" "))
        .replace("@OWN_TOKENS@", &role.own_tokens.join(" "))
        .replace("@CHECK@", role.check)
        .replace("@NEXT@", role.next))
}

/// Of the package of the whole platform: when all roles lie there, what waited for a token of another one is started.
pub(super) fn of_platform() -> String {
    format!(
        "#!/bin/sh\n\
         set -e\n\
         case \"$1\" in\n\
         configure | 1)\n    \
             if [ -z \"$2\" ] && [ -d /run/systemd/system ]; then\n        \
                 for unit in {PLATFORM_UNITS}; do\n            \
                     systemctl start \"$unit\" || echo \"watchpost: $unit did not start: journalctl -u $unit\" >&2\n        \
                 done\n        \
                 echo \"watchpost: the page is at http://127.0.0.1:5000\"\n    \
             fi\n    \
             ;;\n\
         esac\n"
    )
}
