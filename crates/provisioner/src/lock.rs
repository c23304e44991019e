//! One run at a time: a label on the server that only one of two can make.
//!
//! Names of labels are unique in an organization, so of two runs the server lets one make it; the
//! other is told who holds it. A run that died leaves it behind: on its own machine that is seen at
//! once, elsewhere it counts as left when the time that it asked for is over.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use watchpost_client::management::{Label, NewLabel};
use watchpost_core::time;

use crate::error::{Doing, Error, Result};
use crate::observe::Target;

/// Longer than any run takes between two of its steps, and a person to answer a question.
pub const HELD_FOR: Duration = Duration::from_secs(600);

/// Held while a run changes things.
#[derive(Debug)]
pub struct Lock {
    label_id: String,
}

impl Lock {
    /// Takes the lock of the platform with the label `mark`, at the time `now` (nanoseconds since
    /// 1970) and for at most `length`, in the name of `holder`.
    ///
    /// # Errors
    /// Another run holds it, or the server refuses.
    pub async fn take(
        target: &Target,
        mark: &str,
        holder: &Holder,
        now: i64,
        length: Duration,
    ) -> Result<Self> {
        let label = NewLabel {
            org_id: target.org.id.clone(),
            name: format!("{mark} lock"),
            properties: properties(holder, now, length),
        };
        if let Some(lock) = make(target, &label).await? {
            return Ok(lock);
        }
        if let Some(held) = held(target, &label.name).await? {
            let of = |key: &str| held.properties.get(key).cloned().unwrap_or_default();
            let until = time::parse_rfc3339(&of("until")).unwrap_or(i64::MIN);
            if now < until && !holder.knows_dead(&of("holder")) {
                return Err(locked(&held));
            }
            match target.client.delete_label(&held.id).await {
                Err(error) if error.is_not_found() => {}
                answer => answer.doing(|| "removing a lock that was left behind".into())?,
            }
        }
        if let Some(lock) = make(target, &label).await? {
            return Ok(lock);
        }
        // Somebody was faster to see that the lock was left.
        let held = held(target, &label.name).await?;
        Err(held.as_ref().map_or_else(
            || Error::Request("the lock comes and goes; try again".into()),
            locked,
        ))
    }

    /// Gives it back; a server that is gone will find it stale.
    pub async fn release(self, target: &Target) {
        target.client.delete_label(&self.label_id).await.ok();
    }
}

/// `None` if the name is taken.
async fn make(target: &Target, label: &NewLabel) -> Result<Option<Lock>> {
    match target.client.create_label(label).await {
        Ok(label) => Ok(Some(Lock { label_id: label.id })),
        // InfluxDB says 422 to a name that is taken; other servers 409.
        Err(error) if matches!(error.status(), Some(409 | 422)) => Ok(None),
        Err(error) => Err(error).doing(|| "taking the lock".into()),
    }
}

async fn held(target: &Target, name: &str) -> Result<Option<Label>> {
    let labels = target
        .client
        .labels(&target.org.id)
        .await
        .doing(|| "reading who holds the lock".into())?;
    Ok(labels.into_iter().find(|it| it.name == name))
}

fn locked(held: &Label) -> Error {
    let of = |key: &str| held.properties.get(key).cloned().unwrap_or_default();
    Error::Locked {
        holder: of("holder"),
        since: of("since"),
        label: held.name.clone(),
    }
}

fn properties(holder: &Holder, now: i64, length: Duration) -> BTreeMap<String, String> {
    let length = i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
    let until = now.saturating_add(length);
    [
        ("holder", holder.name()),
        ("since", time::format_rfc3339(now)),
        ("until", time::format_rfc3339(until)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// A process on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub process: u32,
    pub host: String,
}

impl Holder {
    /// This process.
    #[must_use]
    pub fn current() -> Self {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Holder {
            process: std::process::id(),
            host: host.trim().to_owned(),
        }
    }

    /// `process 4711 on db-1`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("process {} on {}", self.process, self.host)
    }

    /// The named holder is a process of this machine that is no more.
    fn knows_dead(&self, name: &str) -> bool {
        let process = name
            .strip_prefix("process ")
            .and_then(|rest| rest.strip_suffix(&format!(" on {}", self.host)))
            .and_then(|process| process.parse::<u32>().ok());
        let here = Path::new("/proc/self").exists() && !self.host.is_empty();
        process.is_some_and(|it| here && !Path::new(&format!("/proc/{it}")).exists())
    }
}
