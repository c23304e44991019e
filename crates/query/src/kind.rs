//! Which server stands behind an address.

use std::fmt;
use std::str::FromStr;

/// The kinds of server that the platform runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The embedded engine, InfluxDB 2, or what speaks its API.
    #[default]
    InfluxDb2,
    /// VictoriaMetrics, single node or cluster.
    VictoriaMetrics,
    /// InfluxDB 3: Core, Enterprise, Clustered.
    InfluxDb3,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::InfluxDb2, Kind::VictoriaMetrics, Kind::InfluxDb3];

    /// As the configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::InfluxDb2 => "influxdb2",
            Kind::VictoriaMetrics => "victoriametrics",
            Kind::InfluxDb3 => "influxdb3",
        }
    }

    /// As people call it.
    pub fn title(self) -> &'static str {
        match self {
            Kind::InfluxDb2 => "InfluxDB 2",
            Kind::VictoriaMetrics => "VictoriaMetrics",
            Kind::InfluxDb3 => "InfluxDB 3",
        }
    }

    /// Whether it runs Flux: rules of kind `flux`, tasks.
    pub fn runs_flux(self) -> bool {
        self == Kind::InfluxDb2
    }

    /// Whether the page's notes, boards and preferences are points of it. InfluxDB 3 Core looks back no further
    /// than 72 hours, and has too few databases for a bucket of their own.
    pub fn keeps_documents(self) -> bool {
        self == Kind::InfluxDb2
    }

    /// Whether it keeps texts: the history of alerts.
    pub fn keeps_text(self) -> bool {
        self != Kind::VictoriaMetrics
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Kind::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| {
            format!("{text:?} is no kind of server; write influxdb2, victoriametrics or influxdb3")
        })
    }
}
