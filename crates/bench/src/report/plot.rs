//! Line plots as inline SVG: no script, no file beside.

use std::fmt::Write as _;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 26.0;

/// Points a line keeps: more than the plot has pixels is only weight.
const POINT_LIMIT: usize = 1_200;

/// About so many marks an axis has.
const MARKS: f64 = 5.0;

/// Width of a letter in the legend, about.
const LETTER: f64 = 6.5;

/// Colours that also people with colour blindness tell apart (Okabe, Ito 2008).
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];

/// What the horizontal axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// Seconds since the start.
    Seconds,
    /// Quantiles by their nines: 1 is 90 %, 2 is 99 %.
    Nines,
    /// Points a second.
    Rate,
}

/// A line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Its name in the legend.
    pub(super) name: String,
    /// Its points.
    pub(super) points: Vec<(f64, f64)>,
}

/// A plot of lines over a common axis; what lies left of `warmup` is shaded.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) axis: Axis,
    pub(super) warmup: f64,
    pub(super) lines: Vec<Line>,
}

/// Where values lie on the paper.
struct Scale {
    first: f64,
    last: f64,
    top: f64,
}

impl Scale {
    fn x(&self, value: f64) -> f64 {
        LEFT + (value - self.first) / (self.last - self.first) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)
    }
}

impl Plot {
    /// As SVG; empty text when there is nothing to draw.
    pub(super) fn svg(&self) -> String {
        let all = || self.lines.iter().flat_map(|line| &line.points);
        let highest = all().map(|point| point.1).fold(0.0, f64::max);
        let (first, last) = all().fold((f64::MAX, f64::MIN), |(low, high), point| {
            (low.min(point.0), high.max(point.0))
        });
        if last <= first || highest <= 0.0 {
            return String::new();
        }
        let step = step(highest);
        let scale = Scale {
            first,
            last,
            top: (highest / step).ceil() * step,
        };
        let title = escape(&self.title);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\
<text x=\"4\" y=\"14\" class=\"title\">{title}</text>"
        );
        self.shade(&scale, &mut svg);
        self.marks(&scale, step, &mut svg);
        let mut legend = LEFT;
        for (at, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let points: Vec<String> = thinned(&line.points)
                .into_iter()
                .map(|(at, value)| format!("{:.1},{:.1}", scale.x(at), scale.y(value)))
                .collect();
            let (name, end) = (escape(&line.name), legend + 14.0);
            let _ = write!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" stroke-linejoin=\"round\"/>\
<line x1=\"{legend:.0}\" x2=\"{end:.0}\" y1=\"28\" y2=\"28\" stroke=\"{colour}\" stroke-width=\"3\"/>\
<text x=\"{:.0}\" y=\"32\">{name}</text>",
                points.join(" "),
                end + 5.0,
            );
            legend = end + 20.0 + line.name.chars().count() as f64 * LETTER;
        }
        svg.push_str("</svg>");
        svg
    }

    fn shade(&self, scale: &Scale, svg: &mut String) {
        if self.warmup <= scale.first {
            return;
        }
        let (width, height) = (
            scale.x(self.warmup.min(scale.last)) - LEFT,
            HEIGHT - BOTTOM - TOP,
        );
        let _ = write!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\" class=\"warm\"><title>warm-up</title></rect>"
        );
    }

    /// Lines and numbers of both axes.
    fn marks(&self, scale: &Scale, up: f64, svg: &mut String) {
        let mut value = 0.0;
        while value <= scale.top * 1.001 {
            let (end, level) = (WIDTH - RIGHT, scale.y(value));
            let (edge, baseline) = (LEFT - 6.0, level + 4.0);
            let label = short(value);
            let _ = write!(
                svg,
                "<line x1=\"{LEFT}\" x2=\"{end}\" y1=\"{level:.1}\" y2=\"{level:.1}\" class=\"grid\"/>\
<text x=\"{edge}\" y=\"{baseline:.1}\" text-anchor=\"end\">{label}</text>"
            );
            value += up;
        }
        for (value, label) in self.axis.marks(scale.first, scale.last) {
            let (place, line) = (scale.x(value), HEIGHT - 8.0);
            let _ = write!(
                svg,
                "<text x=\"{place:.1}\" y=\"{line}\" text-anchor=\"middle\">{label}</text>"
            );
        }
    }
}

impl Axis {
    /// Values with marks, and their labels.
    fn marks(self, first: f64, last: f64) -> Vec<(f64, String)> {
        if self == Self::Nines {
            let known = ["50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"];
            let nines = |at: usize| if at == 0 { 2_f64.log10() } else { at as f64 };
            return known
                .iter()
                .enumerate()
                .map(|(at, label)| (nines(at), (*label).to_owned()))
                .filter(|(value, _)| (first..=last).contains(value))
                .collect();
        }
        let step = step(last - first);
        let mut marks = Vec::new();
        let mut value = (first / step).ceil() * step;
        while value <= last {
            let unit = if self == Self::Seconds { " s" } else { "/s" };
            marks.push((value, format!("{}{unit}", short(value))));
            value += step;
        }
        marks
    }
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

/// The distance of marks over a length: 1, 2 or 5 times a power of ten.
fn step(length: f64) -> f64 {
    let wanted = length / MARKS;
    let power = 10_f64.powf(wanted.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let found = steps.iter().find(|step| *step * power >= wanted);
    found.map_or(wanted, |step| step * power)
}

fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if v >= 1e9 => (value / 1e9, "G"),
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    // Marks stand at multiples of 1, 2 or 5: no digit is hidden by these.
    let rounded = (scaled * 1_000.0).round() / 1_000.0;
    format!("{rounded}{unit}")
}

/// Text that is no markup.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
