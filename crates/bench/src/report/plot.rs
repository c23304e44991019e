//! Line plots as inline SVG: no script, no file beside.

use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 26.0;

/// Points a line keeps: more than the plot has pixels is only weight.
const POINT_LIMIT: usize = 1_200;

/// Colours that also people with colour blindness tell apart (Okabe, Ito 2008).
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/// A line.
pub(super) struct Line {
    /// Its name in the legend.
    pub(super) name: String,
    /// Its points.
    pub(super) points: Vec<(f64, f64)>,
}

/// A plot of lines over a common axis; empty text when there is nothing to draw.
pub(super) fn plot(title: &str, x_unit: &str, lines: &[Line]) -> String {
    let all = || lines.iter().flat_map(|line| &line.points);
    let highest = all().map(|point| point.1).fold(0.0, f64::max);
    let (first, last) = all().fold((f64::MAX, f64::MIN), |(low, high), point| {
        (low.min(point.0), high.max(point.0))
    });
    if last <= first || highest <= 0.0 {
        return String::new();
    }
    let top = round_up(highest);
    let x = |value: f64| LEFT + (value - first) / (last - first) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\"><text x=\"{LEFT}\" y=\"15\" class=\"title\">{0}</text>",
        escape(title)
    );
    for step in 0..=4 {
        let value = top * f64::from(step) / 4.0;
        let (end, level) = (WIDTH - RIGHT, y(value));
        let (edge, baseline) = (LEFT - 6.0, level + 4.0);
        let label = short(value);
        let _ = write!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{end}\" y1=\"{level:.1}\" y2=\"{level:.1}\" class=\"grid\"/>\
<text x=\"{edge}\" y=\"{baseline:.1}\" text-anchor=\"end\">{label}</text>"
        );
    }
    for step in 0..=4 {
        let value = first + (last - first) * f64::from(step) / 4.0;
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{} {}</text>",
            x(value).clamp(LEFT + 16.0, WIDTH - 28.0),
            HEIGHT - 8.0,
            short(value),
            escape(x_unit)
        );
    }
    for (at, line) in lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let points: Vec<String> = thinned(&line.points)
            .into_iter()
            .map(|(at, value)| format!("{:.1},{:.1}", x(at), y(value)))
            .collect();
        let _ = write!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/><text x=\"{:.0}\" y=\"15\" fill=\"{colour}\">{}</text>",
            points.join(" "),
            WIDTH - 330.0 + at as f64 * 110.0,
            escape(&line.name)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// At most [`POINT_LIMIT`] points: of every stretch the highest, so that no spike is lost.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let stretch = points.len().div_ceil(POINT_LIMIT).max(1);
    let highest = |part: &[(f64, f64)]| {
        part.iter()
            .copied()
            .reduce(|best, point| if point.1 > best.1 { point } else { best })
    };
    points.chunks(stretch).filter_map(highest).collect()
}

/// The next of 1, 2, 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let step = steps.iter().find(|step| *step * power >= value);
    step.map_or(value, |step| step * power)
}

fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e9 => format!("{:.1}G", value / 1e9),
        v if v >= 1e6 => format!("{:.1}M", value / 1e6),
        v if v >= 1e4 => format!("{:.0}k", value / 1e3),
        v if v >= 10.0 || v == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

/// Text that is no markup.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
