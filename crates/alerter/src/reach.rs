//! Whether receivers can be reached: a network that is away is one trouble, whatever the number of
//! receivers.

use std::collections::BTreeMap;

use crate::alert::Nanos;

/// One receiver may be away by itself; that so many are at once is the network's doing.
const AT_LEAST: usize = 2;

/// The last attempts of all receivers that are beyond a network.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    reached_at: Option<Nanos>,
    /// Receivers that could not be reached: since when, and why not.
    away: BTreeMap<String, (Nanos, String)>,
}

impl Reach {
    /// Takes what came of an attempt: `away` says why the receiver could not be reached, if it could not.
    pub(crate) fn take(&mut self, receiver: &str, away: Option<&str>, at: Nanos) {
        match away {
            Some(why) => {
                let (_, reason) = self
                    .away
                    .entry(receiver.to_owned())
                    .or_insert((at, String::new()));
                why.clone_into(reason);
            }
            None => {
                self.reached_at = self.reached_at.max(Some(at));
                self.away.remove(receiver);
            }
        }
    }

    /// Why no receiver is reached, and which were tried since one was; `None` while the network is there.
    pub(crate) fn network(&self) -> Option<(String, Vec<&str>)> {
        let since = |(since, _): &(Nanos, String)| self.reached_at.is_none_or(|at| at <= *since);
        let tried = self.away.iter().filter(|(_, entry)| since(entry));
        let tried: Vec<(&String, &String)> = tried.map(|(name, (_, why))| (name, why)).collect();
        let (_, why) = *tried.last().filter(|_| tried.len() >= AT_LEAST)?;
        Some((
            why.clone(),
            tried.iter().map(|(name, _)| name.as_str()).collect(),
        ))
    }

    /// Forgets receivers that are gone.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&str) -> bool) {
        self.away.retain(|receiver, _| keeps(receiver));
    }
}
