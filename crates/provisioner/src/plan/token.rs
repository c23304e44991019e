//! Tokens: exact permissions, and a secret in its file that the server takes.
//!
//! A server tells a secret once and lets nobody change permissions, so most differences mean a new
//! token.

use super::{Difference, Kind, Observed, ObservedToken, Plan, Secret, bucket};
use crate::platform::{Platform, Token};

pub(super) fn compare(platform: &Platform, observed: &Observed, plan: &mut Plan) {
    let renamed = renamed(platform, observed);
    for token in &platform.tokens {
        let found = || observed.tokens.iter().filter(|it| it.name == token.name);
        let current = found().find(|it| is_in_file(it)).or_else(|| found().next());
        match current {
            None => {
                let fields = [
                    ("used by", token.used_by.clone()),
                    ("permissions", wanted(token, observed)),
                    ("file", token.file.clone()),
                ];
                plan.create(Kind::Token, &token.name, &fields);
            }
            Some(current) => {
                compare_token(token, current, wanted(token, observed), &renamed, plan);
            }
        }
        // A rotation that was interrupted leaves two; the file holds the secret of one.
        for old in found().filter(|it| current.is_some_and(|current| it.id != current.id)) {
            plan.delete(Kind::Token, &old.name, &old.id);
        }
    }
    for found in &observed.tokens {
        if !platform.tokens.iter().any(|it| it.name == found.name) {
            plan.delete(Kind::Token, &found.name, &found.id);
        }
    }
}

fn is_in_file(token: &ObservedToken) -> bool {
    match token.secret {
        Secret::Valid | Secret::Exposed | Secret::Refused => true,
        Secret::Missing | Secret::Foreign => false,
    }
}

/// The permissions of the file as the server knows them, sorted.
fn wanted(token: &Token, observed: &Observed) -> String {
    let permissions = token.permissions_on(observed.has_narrow_permissions);
    let mut wanted: Vec<String> = permissions.iter().map(ToString::to_string).collect();
    wanted.sort();
    wanted.join(" ")
}

/// What a permission on a bucket that is renamed in this plan is called now and then.
fn renamed(platform: &Platform, observed: &Observed) -> Vec<(String, String)> {
    let of = |permission: &str, name: &str| format!("{permission}/{name}");
    let buckets = platform.buckets.iter();
    let pairs = buckets.filter_map(|it| Some((&bucket::find(it, observed)?.name, &it.name)));
    pairs
        .filter(|(old, new)| old != new)
        .flat_map(|(old, new)| {
            ["read:buckets", "write:buckets", "write:points"]
                .map(|action| (of(action, old), of(action, new)))
        })
        .collect()
}

fn compare_token(
    token: &Token,
    found: &ObservedToken,
    wanted: String,
    renamed: &[(String, String)],
    plan: &mut Plan,
) {
    let called = |it: &String| {
        let new = renamed.iter().find(|(old, _)| old == it);
        new.map_or_else(|| it.clone(), |(_, new)| new.clone())
    };
    let mut current: Vec<String> = found.permissions.iter().map(called).collect();
    current.sort();
    let mut anew: Vec<Difference> = Vec::new();
    anew.extend(Difference::of("permissions", current.join(" "), wanted));
    match found.secret {
        Secret::Valid | Secret::Exposed => {}
        Secret::Missing => anew.extend(Difference::of("file", "missing", "written")),
        Secret::Foreign => {
            anew.extend(Difference::of(
                "file",
                "the secret of another token",
                "written",
            ));
        }
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
