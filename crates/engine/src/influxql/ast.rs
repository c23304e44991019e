//! The tree of InfluxQL statements.

use regex::Regex;
use watchpost_flux::value::duration::Duration;
use watchpost_flux::value::window::{self, Location};

/// A statement.
#[derive(Debug, Clone)]
pub enum Statement {
    /// `SELECT …`
    Select(Select),
    /// `SHOW DATABASES`
    ShowDatabases,
    /// `SHOW RETENTION POLICIES [ON db]`
    ShowRetentionPolicies(Option<String>),
    /// `SHOW MEASUREMENTS …`
    ShowMeasurements(Show),
    /// `SHOW TAG KEYS …`
    ShowTagKeys(Show),
    /// `SHOW TAG VALUES … WITH KEY …`
    ShowTagValues(Show),
    /// `SHOW FIELD KEYS …`
    ShowFieldKeys(Show),
    /// `SHOW SERIES …`
    ShowSeries(Show),
    /// `DELETE FROM … WHERE …`
    Delete(Show),
    /// What InfluxDB 2 does not carry out either.
    NotImplemented(String),
}

/// What a `SHOW` or `DELETE` looks at.
#[derive(Debug, Clone, Default)]
pub struct Show {
    /// `ON db`
    pub database: Option<String>,
    /// `FROM …`; none: all.
    pub sources: Vec<Source>,
    /// `WITH KEY …`
    pub keys: Option<KeyChoice>,
    /// `WHERE …`
    pub condition: Option<Expression>,
    /// `LIMIT n`
    pub limit: Option<usize>,
    /// `OFFSET n`
    pub offset: usize,
}

/// `WITH KEY …`
#[derive(Debug, Clone)]
pub enum KeyChoice {
    /// `= key` and `IN (…)`; `negated` for `!=`.
    Names {
        /// The keys.
        names: Vec<String>,
        /// Whether it is the others that are meant.
        negated: bool,
    },
    /// `=~ /…/`; `negated` for `!~`.
    Pattern {
        /// The pattern.
        pattern: Regex,
        /// Whether it is the others that are meant.
        negated: bool,
    },
}

impl KeyChoice {
    /// Whether a key is chosen.
    pub fn takes(&self, key: &str) -> bool {
        match self {
            Self::Names { names, negated } => names.iter().any(|name| name == key) != *negated,
            Self::Pattern { pattern, negated } => pattern.is_match(key) != *negated,
        }
    }
}

/// A measurement, all that match, or another `SELECT`.
#[derive(Debug, Clone)]
pub enum Source {
    /// By name; with the database and retention policy before it, if named.
    Name {
        /// Version 1's database.
        database: Option<String>,
        /// Version 1's retention policy.
        policy: Option<String>,
        /// The measurement.
        measurement: String,
    },
    /// By pattern; with the database and retention policy before it, if named.
    Pattern {
        /// Version 1's database.
        database: Option<String>,
        /// Version 1's retention policy.
        policy: Option<String>,
        /// Of the measurement.
        pattern: Regex,
    },
    /// `(SELECT …)`
    Subquery(Box<Select>),
}

/// `SELECT …`
#[derive(Debug, Clone)]
pub struct Select {
    /// The columns.
    pub columns: Vec<SelectColumn>,
    /// `FROM …`
    pub sources: Vec<Source>,
    /// `WHERE …`
    pub condition: Option<Expression>,
    /// The tags of `GROUP BY`.
    pub tags: TagChoice,
    /// The window of `GROUP BY time(…)`.
    pub window: Option<Window>,
    /// `fill(…)`
    pub fill: Fill,
    /// `ORDER BY time DESC`
    pub descending: bool,
    /// `LIMIT n`, a series.
    pub limit: Option<usize>,
    /// `OFFSET n`, a series.
    pub offset: usize,
    /// `SLIMIT n`
    pub series_limit: Option<usize>,
    /// `SOFFSET n`
    pub series_offset: usize,
    /// `tz('…')`: whose midnight counts, and how times are shown.
    pub zone: Option<Location>,
}

/// A column of a `SELECT`.
#[derive(Debug, Clone)]
pub struct SelectColumn {
    /// What it holds.
    pub value: Expression,
    /// `AS name`
    pub alias: Option<String>,
}

/// The tags that rows are grouped by.
#[derive(Debug, Clone)]
pub enum TagChoice {
    /// These.
    Names(Vec<String>),
    /// `/…/`
    Pattern(Regex),
    /// `*`
    All,
}

/// `time(every, offset)`, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From the start of one to the start of the next.
    pub every: i64,
    /// Moves the grid.
    pub offset: i64,
}

impl Window {
    /// The same windows as a plan has them.
    pub fn in_zone(self, zone: &Location) -> window::Window {
        let every = Duration::from_nanoseconds(self.every);
        window::Window {
            every,
            period: every,
            offset: Duration::from_nanoseconds(self.offset),
            location: zone.clone(),
        }
    }
}

/// What stands for a window without rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fill {
    /// A null.
    Null,
    /// Nothing: the row is left out.
    None,
    /// The value before it.
    Previous,
    /// On the line between its neighbours.
    Linear,
    /// This.
    Number(f64),
}

/// An expression.
#[derive(Debug, Clone)]
pub enum Expression {
    /// A field, a tag, or `time`.
    Reference(String),
    /// `*`
    Wildcard,
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A truth value.
    Boolean(bool),
    /// Nanoseconds.
    Duration(i64),
    /// `/…/`
    Pattern(Regex),
    /// `name(…)`
    Call(String, Vec<Expression>),
    /// `left operator right`
    Binary(Operator, Box<Expression>, Box<Expression>),
}

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `=`
    Equal,
    /// `!=`, `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `=~`
    Matches,
    /// `!~`
    MatchesNot,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}
