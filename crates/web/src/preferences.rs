//! What people choose for themselves (theme, density, zone of times), kept by user, so that it holds in
//! every browser. Each is a point of the bucket of the notes, the newest counting.
//!
//! Measurement `preferences`, tag `user`; field `document` (JSON).

use serde::{Deserialize, Serialize};
use watchpost_client::flux_text;
use watchpost_core::csv::Table;
use watchpost_core::point::Point;

use crate::annotation::Annotations;
use crate::database::Database;
use crate::document::Collection;
use crate::{ApiError, Result};

const MEASUREMENT: &str = "preferences";

/// Longest name of a zone, in bytes: the longest of the tz database has 32.
const ZONE_LIMIT: usize = 64;

/// What somebody chose; empty is what the browser says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preferences {
    /// `dark` or `light`.
    pub theme: String,
    /// `compact`.
    pub density: String,
    /// `UTC`, or a name of the tz database.
    pub zone: String,
}

impl Preferences {
    /// Errors name the member.
    pub fn check(&self) -> Result<()> {
        let one_of = |field: &str, value: &str, words: &[&str]| match words.contains(&value) {
            true => Ok(()),
            false => Err(ApiError::invalid(
                field,
                format!("{value:?} is none of {}", words.join(", ")),
            )),
        };
        one_of("theme", &self.theme, &["", "dark", "light"])?;
        one_of("density", &self.density, &["", "compact"])?;
        let is_sign = |c: char| c.is_ascii_alphanumeric() || "_+-/".contains(c);
        if self.zone.len() > ZONE_LIMIT || !self.zone.chars().all(is_sign) {
            return Err(ApiError::invalid(
                "zone",
                "is not the name of a zone, such as Europe/Berlin",
            ));
        }
        Ok(())
    }
}

/// What a user chose last.
pub(crate) async fn read(
    notes: &Annotations,
    database: &Database,
    user: &str,
) -> Result<Preferences> {
    if let Some(documents) = notes.documents() {
        let kept = documents.find(Collection::Preferences, user).await?;
        let chosen = kept.and_then(|document| serde_json::from_value(document).ok());
        return Ok(chosen.unwrap_or_default());
    }
    let text = format!(
        "from(bucket: {})\n    |> range(start: {})\n    |> filter(fn: (r) => {} and {} and {})\n    |> last()\n",
        flux_text::string(notes.bucket()),
        flux_text::time(0),
        flux_text::equals("_measurement", MEASUREMENT),
        flux_text::equals("user", user),
        flux_text::equals("_field", "document"),
    );
    let tables = match database.query(text).await {
        Err(error) if error.is_missing_bucket() => return Ok(Preferences::default()),
        tables => tables?,
    };
    let mut rows = tables.iter().flat_map(Table::rows);
    let kept = rows.find_map(|row| serde_json::from_str(row.str("_value")?).ok());
    Ok(kept.unwrap_or_default())
}

/// Keeps what a user chose.
pub(crate) async fn keep(notes: &Annotations, user: &str, chosen: &Preferences) -> Result<()> {
    if let Some(documents) = notes.documents() {
        let document =
            serde_json::to_value(chosen).map_err(|error| ApiError::Internal(error.to_string()))?;
        return documents
            .put(Collection::Preferences, user, &document)
            .await;
    }
    let document =
        serde_json::to_string(chosen).map_err(|error| ApiError::Internal(error.to_string()))?;
    let point = Point::new(MEASUREMENT, crate::now())
        .tag("user", user)
        .field("document", document);
    notes.write(&point).await
}
