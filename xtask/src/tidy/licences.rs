//! The licences of all that is linked or run, against an allow-list.

use super::metadata::Metadata;

/// Permissive licences that ask for no more than their text and a notice.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// A package without a licence, or with one that the list does not hold, is a complaint.
pub(crate) fn check(metadata: &Metadata) -> Vec<String> {
    let packages = metadata.packages.iter();
    packages
        .filter_map(|package| {
            let fault = fault(package.license.as_deref())?;
            Some(format!(
                "Cargo.lock: {} {}: {fault}",
                package.name, package.version
            ))
        })
        .collect()
}

fn fault(licence: Option<&str>) -> Option<String> {
    let Some(licence) = licence else {
        return Some("names no licence".to_owned());
    };
    // Some old packages part alternatives with a slash.
    let parsed = match spdx::Expression::parse(&licence.replace('/', " OR ")) {
        Ok(parsed) => parsed,
        Err(error) => {
            return Some(format!(
                "the licence `{licence}` cannot be read: {}",
                error.reason
            ));
        }
    };
    let allowed = parsed.evaluate(|wanted| ALLOWED.contains(&wanted.to_string().as_str()));
    (!allowed).then(|| {
        format!("the licence `{licence}` is not on the allow-list (xtask/src/tidy/licences.rs)")
    })
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn one_allowed_alternative_is_enough_and_every_part_of_an_and_is_needed() {
        assert_eq!(fault(Some("MIT/Apache-2.0")), None);
        assert_eq!(fault(Some("GPL-3.0-only OR MIT")), None);
        assert!(fault(Some("GPL-3.0-only AND MIT")).is_some());
        assert!(fault(None).is_some());
    }
}
