//! Pixels, and lines whose edges are smooth.

use std::collections::HashMap;

/// Red, green, blue.
pub(super) type Color = [u8; 3];

/// How much of its color an area has: the grid shows through.
const AREA_OPACITY: f64 = 0.12;
/// Length of a dash and of the gap after it.
const DASH: f64 = 16.0;
const DASH_GAP: f64 = 12.0;
/// Steps of each channel in a small picture: the charts have some hundred colors then, and edges stay smooth.
const SMALL_STEP: u16 = 17;

pub(crate) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize, background: Color) -> Canvas {
        Canvas {
            width,
            height,
            pixels: background.repeat(width * height),
        }
    }

    /// Mixes the color into one pixel; outside of the picture nothing happens.
    fn blend(&mut self, x: i64, y: i64, color: Color, opacity: f64) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
            return;
        };
        if x >= self.width || y >= self.height || opacity <= 0.0 {
            return;
        }
        let at = (y * self.width + x) * 3;
        for (channel, new) in self.pixels[at..at + 3].iter_mut().zip(color) {
            let mixed = f64::from(*channel) * (1.0 - opacity) + f64::from(new) * opacity;
            *channel = mixed.round() as u8;
        }
    }

    /// A line with round ends: a pixel is covered as far as its middle is inside.
    pub(super) fn line(&mut self, a: (f64, f64), b: (f64, f64), width: f64, color: Color) {
        let reach = width / 2.0 + 1.0;
        let columns = (a.0.min(b.0) - reach).floor() as i64..=(a.0.max(b.0) + reach).ceil() as i64;
        for x in columns {
            let rows = (a.1.min(b.1) - reach).floor() as i64..=(a.1.max(b.1) + reach).ceil() as i64;
            for y in rows {
                let distance = distance((x as f64 + 0.5, y as f64 + 0.5), a, b);
                let covered = (width / 2.0 + 0.5 - distance).clamp(0.0, 1.0);
                self.blend(x, y, color, covered);
            }
        }
    }

    /// A dashed horizontal line.
    pub(super) fn dashes(&mut self, a: (f64, f64), b: (f64, f64), width: f64, color: Color) {
        let mut x = a.0;
        while x < b.0 {
            self.line((x, a.1), ((x + DASH).min(b.0), a.1), width, color);
            x += DASH + DASH_GAP;
        }
    }

    /// The area between a line and the bottom.
    pub(super) fn area(&mut self, a: (f64, f64), b: (f64, f64), bottom: f64, color: Color) {
        let (first, end) = (a.0.round() as i64, b.0.round() as i64);
        for x in first..end {
            let share = (x as f64 + 0.5 - a.0) / (b.0 - a.0);
            let top = a.1 + (b.1 - a.1) * share.clamp(0.0, 1.0);
            for y in top.round() as i64..bottom as i64 {
                self.blend(x, y, color, AREA_OPACITY);
            }
        }
    }

    /// The picture as a file.
    pub(crate) fn png(&self) -> Option<Vec<u8>> {
        encode((self.width, self.height), &self.pixels, None)
    }

    /// The picture at half its size and in few colors, for a channel with little room: some 5 KB. `None` if it
    /// has more than 256 colors even so.
    pub(crate) fn small_png(&self) -> Option<Vec<u8>> {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut palette: Vec<u8> = Vec::new();
        let mut known: HashMap<Color, u8> = HashMap::new();
        let mut pixels = Vec::with_capacity(width * height);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let color = self.mean(2 * x, 2 * y);
            if !known.contains_key(&color) {
                known.insert(color, u8::try_from(known.len()).ok()?);
                palette.extend(color);
            }
            pixels.push(known[&color]);
        }
        encode((width, height), &pixels, Some(palette))
    }

    /// The color of four pixels, in steps.
    fn mean(&self, x: usize, y: usize) -> Color {
        std::array::from_fn(|channel| {
            let at =
                |x: usize, y: usize| u16::from(self.pixels[(y * self.width + x) * 3 + channel]);
            let sum = at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1);
            let step = (sum / 4 + SMALL_STEP / 2) / SMALL_STEP;
            u8::try_from(step * SMALL_STEP).unwrap_or(u8::MAX)
        })
    }
}

/// A PNG of these pixels: three bytes each, or one that is a place in the palette.
fn encode(
    (width, height): (usize, usize),
    pixels: &[u8],
    palette: Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_depth(png::BitDepth::Eight);
    match palette {
        Some(palette) => {
            encoder.set_color(png::ColorType::Indexed);
            encoder.set_palette(palette);
        }
        None => encoder.set_color(png::ColorType::Rgb),
    }
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(pixels).ok()?;
    writer.finish().ok()?;
    Some(file)
}

/// From a point to the nearest one of a line between two points.
fn distance(point: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = dx * dx + dy * dy;
    let along = (point.0 - a.0) * dx + (point.1 - a.1) * dy;
    let share = if length > 0.0 {
        (along / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (point.0 - a.0 - dx * share).hypot(point.1 - a.1 - dy * share)
}
