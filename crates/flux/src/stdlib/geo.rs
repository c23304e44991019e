//! Package `experimental/geo`: distances and containment on the sphere, and the cells of S2.
//!
//! A geometry is a record: a point `{lat, lon}`, a circle `{lat, lon, radius}`, a box `{minLat, maxLat, minLon, maxLon}`,
//! a polygon `{points: [{lat, lon}]}`, a line `{linestring: "lon lat, lon lat"}`. Degrees, and the unit of the call.

use super::native;
use super::s2::{Cell, MAX_LEVEL, Point, point};
use crate::error::Error;
use crate::execute::{Context, Held};
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::value::{Record, Value};

const PACKAGE: &str = "experimental/geo";

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native(
        PACKAGE,
        "stContains",
        "region, geometry, units",
        Scalar,
        contains,
    ),
    native(
        PACKAGE,
        "stDistance",
        "region, geometry, units",
        Scalar,
        distance,
    ),
    native(PACKAGE, "stLength", "geometry, units", Scalar, length),
    native(
        PACKAGE,
        "s2CellIDToken",
        "?token, ?point, level",
        Scalar,
        token,
    ),
    native(PACKAGE, "s2CellLatLon", "token", Scalar, middle),
    native(PACKAGE, "getLevel", "token", Scalar, level),
];

/// The earth as a sphere, kilometres.
const EARTH_RADIUS: f64 = 6371.01;

/// Kilometres of a mile.
const MILE: f64 = 1.609_344;

/// How many of the unit make a kilometre.
fn per_kilometre(arguments: &Arguments) -> Result<f64, Error> {
    let units = arguments.record("units")?;
    match units.get("distance") {
        Some(Value::String(unit)) => match unit.as_ref() {
            "m" => Ok(1000.0),
            "km" => Ok(1.0),
            "mile" => Ok(1.0 / MILE),
            other => Err(Error::invalid(format!(
                "geo: unsupported unit {other:?}: use m, km or mile"
            ))),
        },
        _ => Err(Error::invalid("geo: units need a member distance")),
    }
}

/// Stretches of a shape that are looked at between two checks whether the run may go on: about a millisecond.
const STRETCHES_A_CHECK: usize = 1 << 14;

/// A shape on the sphere; radii in radians.
enum Geometry {
    Point([Point; 1]),
    Circle([Point; 1], f64),
    /// South, north, west, east in degrees, and the corners.
    Box([f64; 4], [Point; 4]),
    Polygon(Vec<Point>),
    Line(Vec<Point>),
}

fn number(record: &Record, name: &str) -> Option<f64> {
    match record.get(name) {
        Some(Value::Float(value)) => Some(*value),
        Some(Value::Integer(value)) => Some(*value as f64),
        _ => None,
    }
}

fn coordinates(record: &Record) -> Option<Point> {
    Some(point(number(record, "lat")?, number(record, "lon")?))
}

impl Geometry {
    /// Reads an argument; its points are held as long as `held` is.
    fn of(
        arguments: &Arguments,
        name: &str,
        scale: f64,
        held: &mut Held<'_>,
    ) -> Result<Self, Error> {
        let record = arguments.record(name)?;
        let points = match (record.get("linestring"), record.get("points")) {
            (Some(Value::String(text)), _) => text.bytes().filter(|byte| *byte == b',').count() + 1,
            (_, Some(Value::Array(points))) => points.len(),
            _ => 0,
        };
        held.add(points.saturating_mul(size_of::<Point>()))?;
        Self::read(&record, scale, points).ok_or_else(|| {
            Error::invalid(format!(
                "geo: {name} is no point, circle, box, polygon or linestring"
            ))
        })
    }

    fn read(record: &Record, scale: f64, count: usize) -> Option<Self> {
        let mut points = Vec::with_capacity(count);
        if let Some(Value::String(text)) = record.get("linestring") {
            for part in text.split(',') {
                points.push(pair(part)?);
            }
            return Some(Self::Line(points));
        }
        if let Some(Value::Array(corners)) = record.get("points") {
            for corner in corners.iter() {
                let Value::Record(record) = corner else {
                    return None;
                };
                points.push(coordinates(record)?);
            }
            return Some(Self::Polygon(points));
        }
        if record.get("minLat").is_some() {
            let side = |name| number(record, name);
            let (south, north) = (side("minLat")?, side("maxLat")?);
            let (west, east) = (side("minLon")?, side("maxLon")?);
            let corners = [
                point(south, west),
                point(south, east),
                point(north, east),
                point(north, west),
            ];
            return Some(Self::Box([south, north, west, east], corners));
        }
        let middle = coordinates(record)?;
        match number(record, "radius") {
            Some(radius) => Some(Self::Circle([middle], radius / scale / EARTH_RADIUS)),
            None => Some(Self::Point([middle])),
        }
    }

    /// The corners or points; for a circle its middle.
    fn points(&self) -> &[Point] {
        match self {
            Self::Point(only) | Self::Circle(only, _) => only,
            Self::Box(_, corners) => corners,
            Self::Polygon(points) | Self::Line(points) => points,
        }
    }

    /// The stretches between its points, the last to the first where it is closed.
    fn edges(&self) -> impl Iterator<Item = (Point, Point)> {
        let points = self.points();
        let is_closed = matches!(self, Self::Box(..) | Self::Polygon(_));
        let closing = points.last().zip(points.first());
        let closing = closing.filter(|_| is_closed);
        let open = points.windows(2).map(|pair| (pair[0], pair[1]));
        open.chain(closing.map(|(last, first)| (*last, *first)))
    }

    fn holds(&self, place: Point) -> bool {
        match self {
            Self::Point([own]) => angle(*own, place) == 0.0,
            Self::Circle([middle], radius) => angle(*middle, place) <= *radius,
            Self::Box([south, north, west, east], _) => {
                let [x, y, z] = place;
                let latitude = z.atan2(x.hypot(y)).to_degrees();
                let longitude = y.atan2(x).to_degrees();
                let between = if west <= east {
                    (*west..=*east).contains(&longitude)
                } else {
                    longitude >= *west || longitude <= *east
                };
                (*south..=*north).contains(&latitude) && between
            }
            Self::Polygon(_) => winds_around(self.edges(), place),
            Self::Line(_) => false,
        }
    }

    /// Radians from the nearest of its points or edges; 0 inside.
    fn distance_to(&self, place: Point) -> f64 {
        if self.holds(place) {
            return 0.0;
        }
        let to_edges = self.edges().map(|edge| to_edge(place, edge));
        let to_points = self.points().iter().map(|own| angle(*own, place));
        let nearest = to_edges.chain(to_points).fold(f64::INFINITY, f64::min);
        match self {
            Self::Circle(_, radius) => (nearest - radius).max(0.0),
            _ => nearest,
        }
    }

    /// Calls `each` with the points, and ends with the run: each of them may be compared with all of `others`' edges.
    fn visit(
        &self,
        others: &Self,
        context: &Context<'_>,
        mut each: impl FnMut(Point),
    ) -> Result<(), Error> {
        let mut stretches = 0;
        for place in self.points() {
            stretches += others.points().len() + 1;
            if stretches > STRETCHES_A_CHECK {
                context.check()?;
                stretches = 0;
            }
            each(*place);
        }
        Ok(())
    }
}

/// `lon lat`.
fn pair(text: &str) -> Option<Point> {
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let (longitude, latitude) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(point(latitude, longitude))
}

fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Point, b: Point) -> Point {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

fn norm(a: Point) -> f64 {
    dot(a, a).sqrt()
}

/// Radians between two points.
fn angle(a: Point, b: Point) -> f64 {
    norm(cross(a, b)).atan2(dot(a, b))
}

/// Radians from a point to the great circle's stretch between two others.
fn to_edge(place: Point, (from, to): (Point, Point)) -> f64 {
    let normal = cross(from, to);
    let length = norm(normal);
    let is_beside = length > 0.0
        && dot(cross(normal, from), place) > 0.0
        && dot(cross(to, normal), place) > 0.0;
    if is_beside {
        (dot(place, normal) / length).abs().min(1.0).asin()
    } else {
        angle(place, from).min(angle(place, to))
    }
}

/// Whether edges go once around a point: the sum of the angles under which it sees them.
fn winds_around(edges: impl Iterator<Item = (Point, Point)>, place: Point) -> bool {
    let turned: f64 = edges
        .map(|(from, to)| {
            let (left, right) = (cross(place, from), cross(place, to));
            dot(cross(left, right), place).atan2(dot(left, right))
        })
        .sum();
    turned.abs() > std::f64::consts::PI
}

fn contains(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let scale = per_kilometre(arguments)?;
    let mut held = context.hold();
    let region = Geometry::of(arguments, "region", scale, &mut held)?;
    let inner = Geometry::of(arguments, "geometry", scale, &mut held)?;
    let mut is_inside = true;
    inner.visit(&region, context, |place| {
        is_inside = is_inside && region.holds(place);
    })?;
    Ok(Value::Boolean(is_inside))
}

fn distance(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let scale = per_kilometre(arguments)?;
    let mut held = context.hold();
    let region = Geometry::of(arguments, "region", scale, &mut held)?;
    let other = Geometry::of(arguments, "geometry", scale, &mut held)?;
    let nearest = match (&region, &other) {
        // The middles of circles are no points of theirs.
        (Geometry::Circle([middle], radius), _) => other.distance_to(*middle) - radius,
        (_, Geometry::Circle([middle], radius)) => region.distance_to(*middle) - radius,
        _ => {
            let mut nearest = f64::INFINITY;
            other.visit(&region, context, |place| {
                nearest = nearest.min(region.distance_to(place));
            })?;
            region.visit(&other, context, |place| {
                nearest = nearest.min(other.distance_to(place));
            })?;
            nearest
        }
    };
    Ok(Value::Float(nearest.max(0.0) * EARTH_RADIUS * scale))
}

fn length(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let scale = per_kilometre(arguments)?;
    let mut held = context.hold();
    let geometry = Geometry::of(arguments, "geometry", scale, &mut held)?;
    let edges = geometry.edges();
    let radians = edges.fold(0.0, |sum, (from, to)| sum + angle(from, to));
    Ok(Value::Float(radians * EARTH_RADIUS * scale))
}

fn cell(arguments: &Arguments) -> Result<Cell, Error> {
    let token = arguments.string("token")?;
    Cell::of_token(&token).ok_or_else(|| Error::invalid(format!("geo: invalid token {token:?}")))
}

fn token(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let cell = match arguments.optional_record("point")? {
        Some(record) => Cell::of_point(
            coordinates(&record).ok_or_else(|| Error::invalid("geo: a point needs lat and lon"))?,
        ),
        None => cell(arguments)?,
    };
    let asked = arguments.integer("level")?;
    let level = u32::try_from(asked)
        .ok()
        .filter(|level| *level <= MAX_LEVEL);
    let level =
        level.ok_or_else(|| Error::invalid(format!("geo: level {asked} is not from 0 to 30")))?;
    if level > cell.level() {
        return Err(Error::invalid(format!(
            "geo: level {level} is deeper than the token's, {}",
            cell.level()
        )));
    }
    Ok(Value::text(cell.parent(level).token()))
}

fn middle(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (latitude, longitude) = cell(arguments)?.middle();
    Ok(Value::record(Record::from([
        ("lat", Value::Float(latitude)),
        ("lon", Value::Float(longitude)),
    ])))
}

fn level(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let token = arguments.string("token")?;
    let level = Cell::of_token(&token).map_or(-1, |cell| i64::from(cell.level()));
    Ok(Value::Integer(level))
}
