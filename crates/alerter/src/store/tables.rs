//! The tables of the store, and a batch of changes to them.

use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use super::encode;
use crate::alerting::Alerting;
use crate::event::Event;
use crate::labels::Fingerprint;
use crate::receivers::Posted;

pub(super) type Records = TableDefinition<'static, &'static str, &'static [u8]>;

pub(super) const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");
/// Rule and series: the state of a series.
pub(super) const LIVES: Records = TableDefinition::new("lives");
/// Fingerprint: an alert.
pub(super) const ALERTS: Records = TableDefinition::new("alerts");
/// Group: what was said last.
pub(super) const LOG: Records = TableDefinition::new("notification_log");
pub(super) const SILENCES: Records = TableDefinition::new("silences");
pub(super) const ACKNOWLEDGEMENTS: Records = TableDefinition::new("acknowledgements");
/// Group: a message that waits for its receiver.
pub(super) const OUTBOX: Records = TableDefinition::new("outbox");
/// Receiver and group: the message that can be edited in place.
pub(super) const POSTED: Records = TableDefinition::new("posted_messages");
/// [`WATCHES_KEY`]: when each rule was looked at.
pub(super) const WATCHES: Records = TableDefinition::new("watches");
/// One record for all rules: they are looked at together.
const WATCHES_KEY: &str = "all";
/// Number: an event.
pub(super) const EVENTS: TableDefinition<'static, u64, &'static [u8]> =
    TableDefinition::new("events");

/// The record of a series.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredSeries<R, L, F> {
    pub(super) rule: R,
    pub(super) series: Fingerprint,
    pub(super) labels: L,
    /// Absent in files of an earlier version.
    #[serde(default)]
    pub(super) tags: Option<L>,
    #[serde(default)]
    pub(super) source: u64,
    pub(super) life: F,
}

/// Changes to one table: a value, or `None` for "gone".
type TableChanges = Vec<(String, Option<Vec<u8>>)>;

/// What one commit writes.
#[derive(Default)]
pub struct Batch {
    pub(super) tables: Vec<(Records, TableChanges)>,
    pub(super) events: Vec<Event>,
    pub(super) last_notification_id: u64,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.tables.iter().all(|(_, changes)| changes.is_empty())
    }

    pub fn collect(alerting: &mut Alerting) -> Batch {
        let lives = alerting.take_changed_lives();
        let watches = alerting.take_watches();
        let watches = watches.map(|watches| (WATCHES_KEY.to_owned(), Some(encode(&watches))));
        let events = alerting.take_events();
        let dispatcher = &mut alerting.dispatcher;
        let changes = dispatcher.take_changes();
        let lives = lives.into_iter().map(|(rule, series, stored)| {
            let record = stored.map(|stored| {
                let record = StoredSeries {
                    rule: stored.rule,
                    series,
                    labels: &*stored.series.labels,
                    tags: Some(&*stored.series.tags),
                    source: stored.series.source,
                    life: &stored.series.life,
                };
                encode(&record)
            });
            (format!("{rule}\u{0}{series}"), record)
        });
        let alerts = changes
            .alerts
            .iter()
            .map(|id| (id.to_string(), dispatcher.alert(*id).map(encode_ref)));
        let log = changes
            .log
            .iter()
            .map(|id| (id.to_string(), dispatcher.logged(id).map(encode_ref)));
        let silences = changes
            .silences
            .iter()
            .map(|id| (id.clone(), dispatcher.silences().get(id).map(encode_ref)));
        let acknowledgements = changes.acknowledgements.iter().map(|id| {
            (
                id.to_string(),
                dispatcher.acknowledgements().get(*id).map(encode_ref),
            )
        });
        let outbox = changes.outbox.iter().map(|(receiver, group)| {
            (
                group.to_string(),
                dispatcher.outbox().get(receiver, group).map(encode_ref),
            )
        });
        let tables = vec![
            (LIVES, lives.collect()),
            (ALERTS, alerts.collect()),
            (LOG, log.collect()),
            (SILENCES, silences.collect()),
            (ACKNOWLEDGEMENTS, acknowledgements.collect()),
            (OUTBOX, outbox.collect()),
            (WATCHES, watches.into_iter().collect()),
        ];
        Batch {
            tables,
            events,
            last_notification_id: dispatcher.last_notification_id(),
        }
    }

    /// Messages that can be edited in place, as they changed.
    pub fn add_posted(&mut self, changes: Vec<(String, Option<Posted>)>) {
        let changes = changes
            .into_iter()
            .map(|(key, posted)| (key, posted.as_ref().map(encode_ref)));
        self.tables.push((POSTED, changes.collect()));
    }
}

fn encode_ref<T: Serialize>(value: &T) -> Vec<u8> {
    encode(value)
}
