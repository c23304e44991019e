//! How points become one value.

/// One value of the points of a range, or of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statistic {
    Mean,
    Min,
    Max,
    Sum,
    Count,
    First,
    Last,
    /// The 0.95-quantile, linear between the two nearest values.
    P95,
    /// The 0.5-quantile, likewise.
    Median,
    /// The standard deviation of a sample (n − 1); none of one point.
    Deviation,
    /// The median of the distances from the median.
    MedianDeviation,
    /// The sum of a counter's rises between neighbouring points; after a fall the new value counts from 0.
    Increase,
    /// The mean of a counter's rises a second between neighbouring points; a fall is left out. None of one
    /// point.
    Rate,
}

impl Statistic {
    pub const ALL: [Statistic; 13] = [
        Statistic::Mean,
        Statistic::Min,
        Statistic::Max,
        Statistic::Sum,
        Statistic::Count,
        Statistic::First,
        Statistic::Last,
        Statistic::P95,
        Statistic::Median,
        Statistic::Deviation,
        Statistic::MedianDeviation,
        Statistic::Increase,
        Statistic::Rate,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Statistic::Mean => "mean",
            Statistic::Min => "min",
            Statistic::Max => "max",
            Statistic::Sum => "sum",
            Statistic::Count => "count",
            Statistic::First => "first",
            Statistic::Last => "last",
            Statistic::P95 => "p95",
            Statistic::Median => "median",
            Statistic::Deviation => "stddev",
            Statistic::MedianDeviation => "mad",
            Statistic::Increase => "increase",
            Statistic::Rate => "rate",
        }
    }

    pub fn from_name(name: &str) -> Option<Statistic> {
        Statistic::ALL.into_iter().find(|it| it.name() == name)
    }
}
