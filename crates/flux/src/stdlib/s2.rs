//! Cells of the sphere as Google's S2 numbers them: six faces of a cube, each a quadtree of 30 levels along a Hilbert
//! curve. Source: <http://s2geometry.io/devguide/s2cell_hierarchy>.

/// The deepest level.
pub(super) const MAX_LEVEL: u32 = 30;

/// Which quarter of a cell comes at a place of the curve, by the curve's orientation: `2 * i + j`.
const POSITION_TO_QUARTER: [[usize; 4]; 4] =
    [[0, 1, 3, 2], [0, 2, 3, 1], [3, 2, 0, 1], [3, 1, 0, 2]];

/// How a quarter's curve is turned against its parent's, by its place: 1 swaps the axes, 2 turns them round.
const TURN: [usize; 4] = [1, 0, 0, 3];

/// A direction from the middle of the sphere, of length 1.
pub(super) type Point = [f64; 3];

/// A point by its coordinates in degrees.
pub(super) fn point(latitude: f64, longitude: f64) -> Point {
    let (sin_latitude, cos_latitude) = latitude.to_radians().sin_cos();
    let (sin_longitude, cos_longitude) = longitude.to_radians().sin_cos();
    [
        cos_latitude * cos_longitude,
        cos_latitude * sin_longitude,
        sin_latitude,
    ]
}

/// A cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell(u64);

impl Cell {
    /// The cell of the deepest level that holds a point.
    pub(super) fn of_point([x, y, z]: Point) -> Self {
        let (face, u, v) = match [x.abs(), y.abs(), z.abs()] {
            [a, b, c] if a >= b && a >= c && x > 0.0 => (0, y / x, z / x),
            [a, b, c] if a >= b && a >= c => (3, z / x, y / x),
            [_, b, c] if b >= c && y > 0.0 => (1, -x / y, z / y),
            [_, b, c] if b >= c => (4, z / y, -x / y),
            _ if z > 0.0 => (2, -x / z, -y / z),
            _ => (5, -y / z, -x / z),
        };
        let (i, j) = (place_on_axis(u), place_on_axis(v));
        let mut turned = face & 1;
        let mut id = face as u64;
        for level in (0..MAX_LEVEL).rev() {
            let quarter = ((i >> level & 1) << 1 | (j >> level & 1)) as usize;
            let position = POSITION_TO_QUARTER[turned]
                .iter()
                .position(|known| *known == quarter)
                .unwrap_or(0);
            id = id << 2 | position as u64;
            turned ^= TURN[position];
        }
        Self(id << 1 | 1)
    }

    /// The cell of a token: the leading hexadecimal digits of its number.
    pub(super) fn of_token(token: &str) -> Option<Self> {
        let is_hexadecimal = token.bytes().all(|byte| byte.is_ascii_hexdigit());
        if token.is_empty() || token.len() > 16 || !is_hexadecimal {
            return None;
        }
        let number = u64::from_str_radix(&format!("{token:0<16}"), 16).ok()?;
        let is_cell = number >> 61 < 6 && number.trailing_zeros() % 2 == 0;
        is_cell.then_some(Self(number))
    }

    /// The number without trailing zeros, in hexadecimal.
    pub(super) fn token(self) -> String {
        format!("{:016x}", self.0).trim_end_matches('0').to_owned()
    }

    /// 0 for a face of the cube, 30 for the smallest cells.
    pub(super) fn level(self) -> u32 {
        MAX_LEVEL - self.0.trailing_zeros() / 2
    }

    /// The cell of a level, not above its own, that holds this one.
    pub(super) fn parent(self, level: u32) -> Self {
        let last = 1u64 << (2 * (MAX_LEVEL - level));
        Self(self.0 & last.wrapping_neg() | last)
    }

    /// Latitude and longitude of the middle, in degrees.
    pub(super) fn middle(self) -> (f64, f64) {
        let face = (self.0 >> 61) as usize;
        let level = self.level();
        let mut turned = face & 1;
        let (mut i, mut j) = (0u64, 0u64);
        for depth in 0..level {
            let position = (self.0 >> (59 - 2 * depth) & 3) as usize;
            let quarter = POSITION_TO_QUARTER[turned][position] as u64;
            (i, j) = (i << 1 | quarter >> 1, j << 1 | quarter & 1);
            turned ^= TURN[position];
        }
        let cells = (1u64 << level) as f64;
        let (u, v) = (
            stretched((i as f64 + 0.5) / cells),
            stretched((j as f64 + 0.5) / cells),
        );
        let [x, y, z] = match face {
            0 => [1.0, u, v],
            1 => [-u, 1.0, v],
            2 => [-u, -v, 1.0],
            3 => [-1.0, -v, -u],
            4 => [v, -1.0, -u],
            _ => [v, u, -1.0],
        };
        (z.atan2(x.hypot(y)).to_degrees(), y.atan2(x).to_degrees())
    }
}

/// The place of a coordinate of a face's plane among the 2^30 cells of the deepest level.
fn place_on_axis(plane: f64) -> u64 {
    let even = if plane >= 0.0 {
        0.5 * (1.0 + 3.0 * plane).sqrt()
    } else {
        1.0 - 0.5 * (1.0 - 3.0 * plane).sqrt()
    };
    let cells = (1u64 << MAX_LEVEL) as f64;
    (even * cells).floor().clamp(0.0, cells - 1.0) as u64
}

/// From a coordinate along which cells are about as large as each other to one of the face's plane.
fn stretched(even: f64) -> f64 {
    if even >= 0.5 {
        (4.0 * even * even - 1.0) / 3.0
    } else {
        (1.0 - 4.0 * (1.0 - even) * (1.0 - even)) / 3.0
    }
}
