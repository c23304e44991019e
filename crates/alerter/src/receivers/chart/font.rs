//! The few characters that labels of axes need, five pixels by seven.

use super::canvas::{Canvas, Color};

/// Pixels of the picture for one of the font.
const SCALE: f64 = 3.0;
/// From one character to the next, in pixels of the font.
const ADVANCE: f64 = 6.0;
pub(super) const HEIGHT: f64 = 7.0 * SCALE;
/// Width of a stroke, in pixels of the picture.
const STROKE: f64 = 2.4;

/// Seven rows from the top; bit 4 is the leftmost pixel. An unknown character is empty.
fn rows(character: char) -> [u8; 7] {
    match character {
        '0' => [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e],
        '1' => [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
        '2' => [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f],
        '3' => [0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e],
        '4' => [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
        '5' => [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
        '6' => [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e],
        '7' => [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
        '8' => [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e],
        '9' => [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c],
        '.' => [0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c],
        '-' => [0x00, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x00],
        ':' => [0x00, 0x0c, 0x0c, 0x00, 0x0c, 0x0c, 0x00],
        '%' => [0x18, 0x19, 0x02, 0x04, 0x08, 0x13, 0x03],
        '/' => [0x00, 0x01, 0x02, 0x04, 0x08, 0x10, 0x00],
        'B' => [0x1e, 0x11, 0x11, 0x1e, 0x11, 0x11, 0x1e],
        'G' => [0x0e, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0f],
        'H' => [0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11],
        'K' => [0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11],
        'M' => [0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11],
        'P' => [0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10, 0x10],
        'T' => [0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04],
        'i' => [0x04, 0x00, 0x0c, 0x04, 0x04, 0x04, 0x0e],
        'k' => [0x10, 0x10, 0x12, 0x14, 0x18, 0x14, 0x12],
        'm' => [0x00, 0x00, 0x1a, 0x15, 0x15, 0x11, 0x11],
        's' => [0x00, 0x00, 0x0e, 0x10, 0x0e, 0x01, 0x1e],
        'z' => [0x00, 0x00, 0x1f, 0x02, 0x04, 0x08, 0x1f],
        _ => [0; 7],
    }
}

/// Width of a text in pixels of the picture.
pub(super) fn width(text: &str) -> f64 {
    text.chars().count() as f64 * ADVANCE * SCALE - SCALE
}

/// Writes a text with its upper left corner at a point. Neighbouring pixels are joined by strokes,
/// which makes smooth letters of them.
pub(super) fn write(canvas: &mut Canvas, text: &str, (left, top): (f64, f64), color: Color) {
    for (index, character) in text.chars().enumerate() {
        let left = left + index as f64 * ADVANCE * SCALE;
        let place = |(column, row): (i8, i8)| {
            let middle = |n: i8| (f64::from(n) + 0.5) * SCALE;
            (left + middle(column), top + middle(row))
        };
        for (from, to) in strokes(rows(character)) {
            canvas.line(place(from), place(to), STROKE, color);
        }
    }
}

/// From one pixel of the font, as column and row, to another or to itself.
type Stroke = ((i8, i8), (i8, i8));

fn strokes(rows: [u8; 7]) -> Vec<Stroke> {
    let lit = |(column, row): (i8, i8)| {
        let bits = usize::try_from(row).ok().and_then(|row| rows.get(row));
        (0..5).contains(&column) && bits.is_some_and(|bits| bits >> (4 - column) & 1 == 1)
    };
    let pixels = (0..5).flat_map(|column| (0..7).map(move |row| (column, row)));
    let mut strokes = Vec::new();
    for (column, row) in pixels.filter(|pixel| lit(*pixel)) {
        let (right, below) = ((column + 1, row), (column, row + 1));
        // A corner is joined across only where no pixel beside it does.
        let across = |side: (i8, i8), to: (i8, i8)| (!lit(side) && !lit(below)).then_some(to);
        let joined = [
            Some((column, row)),
            Some(right),
            Some(below),
            across(right, (column + 1, row + 1)),
            across((column - 1, row), (column - 1, row + 1)),
        ];
        let joined = joined.into_iter().flatten().filter(|to| lit(*to));
        strokes.extend(joined.map(|to| ((column, row), to)));
    }
    strokes
}
