//! The one place of the product that reads the process environment.

use std::collections::BTreeMap;

/// The environment as a value: loaders and tests take it as an argument. Variables that are not
/// UTF-8 are left out; no key or value of the product needs one.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
