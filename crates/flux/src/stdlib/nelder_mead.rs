//! The Nelder–Mead simplex search for a minimum without derivatives.
//!
//! Lagarias et al., "Convergence Properties of the Nelder–Mead Simplex Method in Low Dimensions" (1998), with the parameters
//! that Gao and Han ("Implementing the Nelder-Mead simplex algorithm with adaptive parameters", 2012) choose by dimension.

/// How far the first simplex reaches in each dimension.
const SIMPLEX_SIZE: f64 = 0.05;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    /// A decrease of the minimum that counts.
    pub(super) absolute: f64,
    /// After so many steps without one.
    pub(super) iterations: usize,
}

/// A point and the function's value there.
#[derive(Debug, Clone)]
struct Vertex {
    place: Vec<f64>,
    value: f64,
}

/// The best point found from a start, and the function's value there.
pub(super) fn minimize(
    function: &mut dyn FnMut(&[f64]) -> f64,
    start: &[f64],
    stop: Stop,
) -> (Vec<f64>, f64) {
    let mut search = Search::new(function, start);
    let mut best = search.vertices[0].value;
    let mut idle = 0;
    loop {
        search.step(function);
        let value = search.vertices[0].value;
        if best - value > stop.absolute {
            best = value;
            idle = 0;
        } else {
            idle += 1;
            if idle >= stop.iterations {
                let first = search.vertices.swap_remove(0);
                return (first.place, first.value);
            }
        }
    }
}

/// A simplex, its vertices by ascending value.
struct Search {
    vertices: Vec<Vertex>,
    /// Of all vertices but the worst.
    centroid: Vec<f64>,
    expansion: f64,
    contraction: f64,
    shrink: f64,
}

impl Search {
    fn new(function: &mut dyn FnMut(&[f64]) -> f64, start: &[f64]) -> Self {
        let dimension = start.len() as f64;
        let origin = Vertex {
            place: start.to_vec(),
            value: function(start),
        };
        let mut vertices = Vec::with_capacity(start.len() + 1);
        for axis in 0..start.len() {
            let mut place = start.to_vec();
            place[axis] += SIMPLEX_SIZE;
            let value = function(&place);
            vertices.push(Vertex { place, value });
        }
        vertices.push(origin);
        let mut search = Self {
            vertices,
            centroid: vec![0.0; start.len()],
            expansion: 1.0 + 2.0 / dimension,
            contraction: 0.75 - 1.0 / (2.0 * dimension),
            shrink: 1.0 - 1.0 / dimension,
        };
        search.sort();
        search
    }

    fn sort(&mut self) {
        self.vertices.sort_by(|a, b| a.value.total_cmp(&b.value));
        let dimension = self.centroid.len();
        self.centroid.fill(0.0);
        for vertex in &self.vertices[..dimension] {
            for (sum, coordinate) in self.centroid.iter_mut().zip(&vertex.place) {
                *sum += coordinate;
            }
        }
        for sum in &mut self.centroid {
            *sum /= dimension as f64;
        }
    }

    /// The worst vertex mirrored at the centroid, so many times as far.
    fn mirrored(&self, function: &mut dyn FnMut(&[f64]) -> f64, scale: f64) -> Vertex {
        let worst = &self.vertices[self.centroid.len()].place;
        let place: Vec<f64> = self
            .centroid
            .iter()
            .zip(worst)
            .map(|(centre, worst)| (centre - worst) * scale + centre)
            .collect();
        let value = function(&place);
        Vertex { place, value }
    }

    fn step(&mut self, function: &mut dyn FnMut(&[f64]) -> f64) {
        let dimension = self.centroid.len();
        let (lowest, second_worst, worst) = (
            self.vertices[0].value,
            self.vertices[dimension - 1].value,
            self.vertices[dimension].value,
        );
        let reflected = self.mirrored(function, 1.0);
        if reflected.value < lowest {
            let expanded = self.mirrored(function, self.expansion);
            let better = if expanded.value < reflected.value {
                expanded
            } else {
                reflected
            };
            self.replace_worst(better);
        } else if reflected.value < second_worst {
            self.replace_worst(reflected);
        } else if reflected.value < worst {
            let outside = self.mirrored(function, self.contraction);
            if outside.value <= reflected.value {
                self.replace_worst(outside)
            } else {
                self.shrink_all(function)
            }
        } else {
            let inside = self.mirrored(function, -self.contraction);
            if inside.value < worst {
                self.replace_worst(inside)
            } else {
                self.shrink_all(function)
            }
        }
    }

    fn replace_worst(&mut self, vertex: Vertex) {
        let dimension = self.centroid.len();
        let added = vertex.place.clone();
        self.vertices[dimension] = vertex;
        let mut at = dimension;
        while at > 0 && self.vertices[at - 1].value >= self.vertices[at].value {
            self.vertices.swap(at - 1, at);
            at -= 1;
        }
        // The vertex that is now the worst leaves the centroid, the new one enters it.
        let share = 1.0 / dimension as f64;
        let worst = &self.vertices[dimension].place;
        for ((centre, worst), added) in self.centroid.iter_mut().zip(worst).zip(&added) {
            *centre += -share * worst;
            *centre += share * added;
        }
    }

    fn shrink_all(&mut self, function: &mut dyn FnMut(&[f64]) -> f64) {
        let best = self.vertices[0].place.clone();
        for vertex in &mut self.vertices[1..] {
            for (coordinate, best) in vertex.place.iter_mut().zip(&best) {
                *coordinate = (*coordinate - best) * self.shrink + best;
            }
            vertex.value = function(&vertex.place);
        }
        self.sort();
    }
}
