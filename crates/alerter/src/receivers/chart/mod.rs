//! A chart of a series as a PNG: enough to see at a glance whether it is a peak or a trend, where
//! the level lies, and when it was passed.
//!
//! It is drawn at twice the size at which it is shown, for screens with small pixels.

mod canvas;
mod font;
mod scale;

pub(super) use canvas::Canvas;
use canvas::Color;
use jiff::tz::TimeZone;

use crate::alert::Nanos;
use crate::rules::sample::Sample;

/// Size in pixels of the picture; it is shown at half of it.
const WIDTH: usize = 1_200;
const HEIGHT: usize = 440;
/// Size at which a mail shows it.
pub(super) const SHOWN: (usize, usize) = (WIDTH / 2, HEIGHT / 2);
/// The plot inside the picture: room for labels below and on both sides.
const LEFT: f64 = 130.0;
const RIGHT: f64 = 1_070.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 370.0;
/// Most points that are drawn.
pub(super) const POINTS: i64 = 240;
/// Time without a sample, in usual steps, that is drawn as a gap.
const GAP: i64 = 4;

const BACKGROUND: Color = [0xff, 0xff, 0xff];
const GRID: Color = [0xe5, 0xe8, 0xec];
const AXIS: Color = [0x9a, 0xa3, 0xad];
const TEXT: Color = [0x5f, 0x68, 0x73];
const LINE: Color = [0x1f, 0x66, 0xc1];
const LEVEL: Color = [0xd3, 0x2f, 0x2f];

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChartData {
    /// In the order of time.
    pub(super) samples: Vec<Sample>,
    /// The level that the alert passed, if it is on the axis of the series.
    pub(super) level: Option<f64>,
    pub(super) unit: &'static str,
}

/// From samples to pixels.
struct Plot {
    start: Nanos,
    end: Nanos,
    low: f64,
    high: f64,
}

impl Plot {
    fn x(&self, time: Nanos) -> f64 {
        let share = (time - self.start) as f64 / (self.end - self.start) as f64;
        LEFT + share * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (value - self.low) / (self.high - self.low) * (BOTTOM - TOP)
    }

    fn point(&self, sample: Sample) -> (f64, f64) {
        (self.x(sample.time), self.y(sample.value))
    }
}

/// Draws the samples and, if there is one, the level, with times of `zone`. `None` of fewer than two samples.
pub(super) fn draw(data: &ChartData, zone: &TimeZone) -> Option<Canvas> {
    let finite = data.samples.iter().copied();
    let samples: Vec<Sample> = finite.filter(|sample| sample.value.is_finite()).collect();
    let (first, last) = (samples.first()?, samples.last()?);
    if first.time >= last.time {
        return None;
    }
    let level = data.level.filter(|level| level.is_finite());
    let values = samples.iter().map(|sample| sample.value).chain(level);
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let ticks = scale::values(low, high);
    let plot = Plot {
        start: first.time,
        end: last.time,
        low: *ticks.first()?,
        high: *ticks.last()?,
    };
    let mut canvas = Canvas::new(WIDTH, HEIGHT, BACKGROUND);
    axes(&mut canvas, &plot, &ticks, (data.unit, zone));
    series(&mut canvas, &plot, &samples);
    if let Some(level) = level {
        let y = plot.y(level);
        canvas.dashes((LEFT, y), (RIGHT, y), 3.0, LEVEL);
        let label = scale::label(level, data.unit);
        let corner = (RIGHT + 14.0, y - font::HEIGHT / 2.0);
        font::write(&mut canvas, &label, corner, LEVEL);
    }
    Some(canvas)
}

fn axes(canvas: &mut Canvas, plot: &Plot, ticks: &[f64], (unit, zone): (&str, &TimeZone)) {
    for &tick in ticks {
        let y = plot.y(tick);
        canvas.line((LEFT, y), (RIGHT, y), 2.0, GRID);
        let label = scale::label(tick, unit);
        let left = LEFT - 16.0 - font::width(&label);
        font::write(canvas, &label, (left, y - font::HEIGHT / 2.0), TEXT);
    }
    for (time, label) in scale::times(plot.start, plot.end, zone) {
        let x = plot.x(time);
        canvas.line((x, BOTTOM), (x, BOTTOM + 10.0), 2.0, AXIS);
        let left = x - font::width(&label) / 2.0;
        font::write(canvas, &label, (left, BOTTOM + 22.0), TEXT);
    }
    canvas.line((LEFT, BOTTOM), (RIGHT, BOTTOM), 2.0, AXIS);
}

/// The line with a light area below it; where samples are missing both have a gap.
fn series(canvas: &mut Canvas, plot: &Plot, samples: &[Sample]) {
    let mut steps: Vec<Nanos> = samples
        .windows(2)
        .map(|pair| pair[1].time - pair[0].time)
        .collect();
    steps.sort_unstable();
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(0);
    let near = |pair: &&[Sample]| pair[1].time - pair[0].time <= usual.saturating_mul(GAP);
    for pair in samples.windows(2).filter(near) {
        canvas.area(plot.point(pair[0]), plot.point(pair[1]), BOTTOM, LINE);
    }
    for pair in samples.windows(2).filter(near) {
        canvas.line(plot.point(pair[0]), plot.point(pair[1]), 4.5, LINE);
    }
    if let Some(last) = samples.last() {
        let point = plot.point(*last);
        canvas.line(point, point, 12.0, LINE);
    }
}
