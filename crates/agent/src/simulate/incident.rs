//! Scripted incidents.

/// x
#[derive(Clone, Debug)]
pub struct Incident;

impl std::str::FromStr for Incident {
    type Err = String;
    fn from_str(_: &str) -> Result<Self, String> {
        Ok(Self)
    }
}
