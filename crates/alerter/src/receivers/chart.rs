//! A chart of a series as a PNG: enough to see at a glance whether it is a peak or a trend.

use super::super::rules::sample::Sample;

const WIDTH: usize = 600;
const HEIGHT: usize = 200;
const MARGIN: usize = 10;
/// Most points that are drawn; a pixel column shows no more.
pub(super) const POINTS: i64 = 120;

const BACKGROUND: [u8; 3] = [0xff, 0xff, 0xff];
const GRID: [u8; 3] = [0xe4, 0xe7, 0xeb];
const LINE: [u8; 3] = [0x1f, 0x5f, 0xbf];
const THRESHOLD: [u8; 3] = [0xd9, 0x30, 0x25];

struct Canvas(Vec<u8>);

impl Canvas {
    fn dot(&mut self, x: i64, y: i64, color: [u8; 3]) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
            return;
        };
        if x < WIDTH && y < HEIGHT {
            let at = (y * WIDTH + x) * 3;
            self.0[at..at + 3].copy_from_slice(&color);
        }
    }

    /// A line of two pixels' width.
    fn line(&mut self, (x0, y0): (f64, f64), (x1, y1): (f64, f64), color: [u8; 3]) {
        let steps = (x1 - x0).abs().max((y1 - y0).abs()).ceil().max(1.0);
        for step in 0..=steps as u32 {
            let share = f64::from(step) / steps;
            let (x, y) = (
                (x0 + (x1 - x0) * share) as i64,
                (y0 + (y1 - y0) * share) as i64,
            );
            self.dot(x, y, color);
            self.dot(x, y + 1, color);
        }
    }
}

/// Draws the samples and, if there is one, the threshold. `None` of fewer than two samples.
pub(super) fn png(samples: &[Sample], threshold: Option<f64>) -> Option<Vec<u8>> {
    let finite: Vec<&Sample> = samples
        .iter()
        .filter(|sample| sample.value.is_finite())
        .collect();
    let (first, last) = (finite.first()?, finite.last()?);
    if first.time >= last.time {
        return None;
    }
    let values = finite
        .iter()
        .map(|sample| sample.value)
        .chain(threshold.filter(|level| level.is_finite()));
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    let spread = if high > low { high - low } else { 1.0 };
    let x = |time: i64| {
        let share = (time - first.time) as f64 / (last.time - first.time) as f64;
        MARGIN as f64 + share * (WIDTH - 2 * MARGIN) as f64
    };
    let y = |value: f64| {
        (HEIGHT - MARGIN) as f64 - (value - low) / spread * (HEIGHT - 2 * MARGIN) as f64
    };
    let mut canvas = Canvas(BACKGROUND.repeat(WIDTH * HEIGHT));
    let (left, right) = (MARGIN as f64, (WIDTH - MARGIN) as f64);
    for quarter in 0..=4 {
        let level = y(low + spread * f64::from(quarter) / 4.0);
        canvas.line((left, level), (right, level), GRID);
    }
    if let Some(level) = threshold.filter(|level| level.is_finite()) {
        canvas.line((left, y(level)), (right, y(level)), THRESHOLD);
    }
    for pair in finite.windows(2) {
        canvas.line(
            (x(pair[0].time), y(pair[0].value)),
            (x(pair[1].time), y(pair[1].value)),
            LINE,
        );
    }
    encode(&canvas.0)
}

fn encode(pixels: &[u8]) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(
        &mut file,
        u32::try_from(WIDTH).ok()?,
        u32::try_from(HEIGHT).ok()?,
    );
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(pixels).ok()?;
    writer.finish().ok()?;
    Some(file)
}
