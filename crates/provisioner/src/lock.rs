//! One run at a time: a label on the server that only one of two can make.
//!
//! Names of labels are unique in an organization, so of two runs the server lets one make it; the
//! other is told who holds it. A run that died leaves it behind; it counts as left after ten minutes.

use std::collections::BTreeMap;

use watchpost_client::management::{Label, NewLabel};
use watchpost_core::time;

use crate::error::{Doing, Error, Result};
use crate::observe::Target;

/// Longer than any run takes between two of its steps.
const STALE_AFTER_NANOSECONDS: i64 = 600_000_000_000;

/// Held while a run changes things.
#[derive(Debug)]
pub struct Lock {
    label_id: String,
}

impl Lock {
    /// Takes the lock at the time `now` (nanoseconds since 1970) in the name of `holder`.
    ///
    /// # Errors
    /// Another run holds it, or the server refuses.
    pub async fn take(target: &Target, mark: &str, holder: &str, now: i64) -> Result<Self> {
        let name = format!("{mark} lock");
        match create(target, &name, holder, now).await {
            Ok(label) => return Ok(Lock { label_id: label.id }),
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(error).doing(|| "taking the lock".into()),
        }
        let labels = target
            .client
            .labels(&target.org.id)
            .await
            .doing(|| "looking who holds the lock".into())?;
        let held = labels.into_iter().find(|it| it.name == name);
        if let Some(held) = held {
            let since = held.properties.get("since").cloned().unwrap_or_default();
            let age =
                time::parse_rfc3339(&since).map_or(i64::MAX, |since| now.saturating_sub(since));
            if age < STALE_AFTER_NANOSECONDS {
                let holder = held.properties.get("holder").cloned().unwrap_or_default();
                return Err(Error::Locked {
                    holder,
                    since,
                    label: name,
                });
            }
            target
                .client
                .delete_label(&held.id)
                .await
                .doing(|| "removing a lock that was left behind".into())?;
        }
        let label = create(target, &name, holder, now)
            .await
            .doing(|| "taking the lock".into())?;
        Ok(Lock { label_id: label.id })
    }

    /// Gives it back; a server that is gone will find it stale.
    pub async fn release(self, target: &Target) {
        target.client.delete_label(&self.label_id).await.ok();
    }
}

async fn create(
    target: &Target,
    name: &str,
    holder: &str,
    now: i64,
) -> watchpost_client::Result<Label> {
    let properties = [
        ("holder", holder.to_owned()),
        ("since", time::format_rfc3339(now)),
    ];
    let properties: BTreeMap<String, String> = properties
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let label = NewLabel {
        org_id: target.org.id.clone(),
        name: name.to_owned(),
        properties,
    };
    target.client.create_label(&label).await
}

/// InfluxDB says 422 to a name that is taken; other servers 409.
fn is_taken(error: &watchpost_client::Error) -> bool {
    matches!(error.status(), Some(409 | 422))
}
