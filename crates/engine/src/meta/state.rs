//! All of the management state, in memory, and how things are found in it.

use std::collections::HashMap;
use std::ops::Deref;

use crate::auth::permission::ResourceType;
use crate::auth::token::TokenHash;
use crate::meta::record::Tables;
use crate::meta::{Authorization, Bucket, Id, Kind, Label, Organization, Record, User};

/// The tables, with an index where a scan would be on a hot path.
#[derive(Debug, Default)]
pub struct State {
    tables: Tables,
    by_token: HashMap<TokenHash, Id>,
}

impl Deref for State {
    type Target = Tables;

    fn deref(&self) -> &Tables {
        &self.tables
    }
}

impl State {
    pub(super) fn put(&mut self, record: Record) {
        if let Record::Authorization(authorization) = &record {
            self.by_token
                .insert(authorization.token_hash.clone(), authorization.id);
        }
        self.tables.put(record);
    }

    pub(super) fn remove(&mut self, kind: Kind, id: Id) {
        if kind == Kind::Authorization {
            self.by_token
                .retain(|_, authorization| *authorization != id);
        }
        self.tables.remove(kind, id);
    }

    /// The highest ascending id that was given, so that new ones come after it.
    pub(super) fn highest_ascending_id(&self) -> Option<Id> {
        let records = self.tables.all();
        records
            .iter()
            .filter(|record| !matches!(record, Record::Organization(_) | Record::Bucket(_)))
            .map(Record::id)
            .max()
    }

    /// Whether the server was set up: somebody exists.
    pub fn is_set_up(&self) -> bool {
        !self.tables.users.is_empty()
    }

    /// The token's authorization.
    pub fn authorization_by_hash(&self, hash: &TokenHash) -> Option<&Authorization> {
        self.tables.authorizations.get(self.by_token.get(hash)?)
    }

    /// The authorization of a client of version 1, by its name.
    pub fn authorization_by_legacy_name(&self, name: &str) -> Option<&Authorization> {
        let is_called = |one: &&Authorization| {
            let legacy = one.legacy.as_ref();
            legacy.is_some_and(|legacy| legacy.name == name)
        };
        self.tables.authorizations.values().find(is_called)
    }

    /// Whether a user exists and is active.
    pub fn is_active(&self, user: Id) -> bool {
        self.tables.users.get(&user).is_some_and(|user| user.active)
    }

    /// The organization of a name.
    pub fn organization_by_name(&self, name: &str) -> Option<&Organization> {
        self.tables
            .organizations
            .values()
            .find(|organization| organization.name == name)
    }

    /// The bucket of a name in an organization.
    pub fn bucket_by_name(&self, org: Id, name: &str) -> Option<&Bucket> {
        self.tables
            .buckets
            .values()
            .find(|bucket| bucket.org == org && bucket.name == name)
    }

    /// The user of a name.
    pub fn user_by_name(&self, name: &str) -> Option<&User> {
        self.tables.users.values().find(|user| user.name == name)
    }

    /// The value of an organization's secret.
    pub fn secret(&self, org: Id, key: &str) -> Option<&str> {
        let mut secrets = self.tables.secrets.values();
        secrets
            .find(|secret| secret.org == org && secret.key == key)
            .map(|secret| secret.value.as_str())
    }

    /// The labels on a resource.
    pub fn labels_of(&self, resource_type: ResourceType, resource: Id) -> Vec<&Label> {
        let mappings = self.tables.label_mappings.values();
        mappings
            .filter(|mapping| {
                mapping.resource_type == resource_type && mapping.resource == resource
            })
            .filter_map(|mapping| self.tables.labels.get(&mapping.label))
            .collect()
    }

    /// Every record, for a snapshot.
    pub(super) fn all(&self) -> Vec<Record> {
        self.tables.all()
    }
}
