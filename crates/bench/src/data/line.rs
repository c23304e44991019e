//! A dataset as line protocol. Written by hand and not through `Point`, because the client must not
//! be the bottleneck of what it measures.

use watchpost_core::line_protocol::Precision;

use super::{Dataset, FieldKind, MEASUREMENT, Place, RUN_TAG, mix};

const REGIONS: [&str; 4] = ["eu-central", "eu-west", "us-east", "ap-south"];
const ENVIRONMENTS: [&str; 3] = ["production", "staging", "test"];
const SERVICES: [&str; 5] = ["web", "database", "queue", "cache", "batch"];

/// What follows the whole percent for each eighth.
const FRACTIONS: [&str; 8] = ["", ".125", ".25", ".375", ".5", ".625", ".75", ".875"];

impl Dataset {
    /// Appends the lines of a batch; gives how many.
    pub fn append_batch(&self, batch: u64, out: &mut Vec<u8>) -> u64 {
        let positions = self.positions(batch);
        let count = positions.end - positions.start;
        for position in positions {
            self.append_line(self.place(position), 0, out);
        }
        count
    }

    /// Appends those lines of a batch that are rewritten, with their new values; gives how many.
    pub fn append_rewrites(&self, batch: u64, out: &mut Vec<u8>) -> u64 {
        let mut count = 0;
        for position in self
            .positions(batch)
            .filter(|position| self.is_rewritten(*position))
        {
            self.append_line(self.place(position), 1, out);
            count += 1;
        }
        count
    }

    fn append_line(&self, place: Place, version: u64, out: &mut Vec<u8>) {
        let mut number = itoa::Buffer::new();
        out.extend_from_slice(MEASUREMENT.as_bytes());
        self.append_tags(place.host, out);
        for (at, field) in self.fields.iter().enumerate() {
            out.push(if at == 0 { b' ' } else { b',' });
            out.extend_from_slice(field.name.as_bytes());
            out.push(b'=');
            let units = self.units(place, at, version);
            match field.kind {
                FieldKind::Percent => {
                    out.extend_from_slice(number.format(units / 8).as_bytes());
                    let eighth = usize::try_from(units % 8).unwrap_or(0);
                    out.extend_from_slice(FRACTIONS[eighth].as_bytes());
                }
                FieldKind::Bytes => {
                    out.extend_from_slice(number.format(units).as_bytes());
                    out.push(b'i');
                }
            }
        }
        out.push(b' ');
        let time = self.time(place.index) / self.precision().nanoseconds();
        out.extend_from_slice(number.format(time).as_bytes());
        out.push(b'\n');
    }

    /// Precision of the written times.
    pub fn precision(&self) -> Precision {
        self.shape.precision.into()
    }

    /// The tags, sorted by name as servers like them, or the other way round to measure that.
    fn append_tags(&self, host: u64, out: &mut Vec<u8>) {
        let choose = |names: &'static [&'static str], salt: u64| {
            let place = mix(self.seed, host, salt) % names.len() as u64;
            names[usize::try_from(place).unwrap_or(0)]
        };
        let name = super::host_name(host);
        let mut tags = [
            (RUN_TAG, self.run_label.as_deref().unwrap_or_default()),
            ("environment", choose(&ENVIRONMENTS, 1)),
            ("host", name.as_str()),
            ("region", choose(&REGIONS, 2)),
            ("service", choose(&SERVICES, 3)),
        ];
        if !self.shape.sorted_tags {
            tags.reverse();
        }
        for (key, value) in tags.iter().filter(|(_, value)| !value.is_empty()) {
            out.push(b',');
            out.extend_from_slice(key.as_bytes());
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
        }
    }
}
