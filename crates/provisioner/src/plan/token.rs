//! Tokens: exact permissions, and a secret in its file that the server takes.
//!
//! A server tells a secret once and lets nobody change permissions, so most differences mean a new
//! token.

use super::{Difference, Kind, Observed, ObservedToken, Plan, Secret};
use crate::platform::{Platform, Token};

pub(super) fn compare(platform: &Platform, observed: &Observed, plan: &mut Plan) {
    for token in &platform.tokens {
        let mut found = observed.tokens.iter().filter(|it| it.name == token.name);
        match found.next() {
            None => plan.create(Kind::Token, &token.name, Vec::new()),
            Some(current) => compare_token(token, current, plan),
        }
        // A rotation that was interrupted leaves two; the file holds the secret of the first.
        for old in found {
            plan.delete(Kind::Token, &old.name, &old.id);
        }
    }
    for found in &observed.tokens {
        if !platform.tokens.iter().any(|it| it.name == found.name) {
            plan.delete(Kind::Token, &found.name, &found.id);
        }
    }
}

fn compare_token(token: &Token, found: &ObservedToken, plan: &mut Plan) {
    let mut wanted: Vec<String> = token.permissions.iter().map(ToString::to_string).collect();
    wanted.sort();
    let mut anew: Vec<Difference> = Vec::new();
    anew.extend(Difference::of(
        "permissions",
        found.permissions.join(" "),
        wanted.join(" "),
    ));
    match found.secret {
        Secret::Valid | Secret::Exposed => {}
        Secret::Missing => anew.extend(Difference::of("file", "missing", "written")),
        Secret::Refused if found.active => {
            anew.extend(Difference::of("file", "refused by the server", "valid"))
        }
        Secret::Refused => {}
    }
    if !anew.is_empty() {
        return plan.replace(Kind::Token, &token.name, &found.id, anew);
    }
    let state = |active: bool| if active { "active" } else { "inactive" };
    let mut in_place: Vec<Difference> = Difference::of("status", state(found.active), "active")
        .into_iter()
        .collect();
    if found.secret == Secret::Exposed {
        in_place.extend(Difference::of("file mode", "readable by others", "0600"));
    }
    plan.update(Kind::Token, &token.name, &found.id, true, in_place);
}
