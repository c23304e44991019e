//! Reads the metrics of OTLP from protobuf's wire format: the few fields that become points, and past all others. A
//! reader of our own, since a generated one would be larger than all of this collector.
//! (<https://protobuf.dev/programming-guides/encoding/>)

use super::model::{AnyValue, Buckets, DataPoint, KeyValue, Kind, Quantile, Resource, Temporality};

/// Buckets of one sign of an exponential histogram: its data model asks for 160.
const MAX_BUCKETS: usize = 16_384;

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no protobuf message of OTLP metrics")]
pub(super) struct Malformed;

/// The value of one field.
#[derive(Clone, Copy, Debug)]
enum Value<'m> {
    Varint(u64),
    Fixed64(u64),
    /// Four bytes, as which metrics have nothing.
    Fixed32,
    Bytes(&'m [u8]),
}

impl<'m> Value<'m> {
    fn bytes(self) -> Result<&'m [u8], Malformed> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed),
        }
    }

    fn text(self) -> Result<String, Malformed> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| Malformed)
    }

    fn varint(self) -> Result<u64, Malformed> {
        match self {
            Value::Varint(value) => Ok(value),
            _ => Err(Malformed),
        }
    }

    /// `sint32` is written in zigzag.
    fn zigzag(self) -> Result<i32, Malformed> {
        let value = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn fixed64(self) -> Result<u64, Malformed> {
        match self {
            Value::Fixed64(value) => Ok(value),
            _ => Err(Malformed),
        }
    }

    fn double(self) -> Result<f64, Malformed> {
        self.fixed64().map(f64::from_bits)
    }

    /// A repeated number of eight bytes, packed or alone.
    fn fixed64s(self, all: &mut Vec<u64>) -> Result<(), Malformed> {
        match self {
            Value::Fixed64(value) => all.push(value),
            Value::Bytes(bytes) => {
                let (numbers, rest) = bytes.as_chunks::<8>();
                all.extend(numbers.iter().map(|number| u64::from_le_bytes(*number)));
                return rest.is_empty().then_some(()).ok_or(Malformed);
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }

    /// A repeated varint, packed or alone.
    fn varints(self, all: &mut Vec<u64>) -> Result<(), Malformed> {
        match self {
            Value::Varint(value) => all.push(value),
            Value::Bytes(bytes) => {
                let mut message = Message(bytes);
                while !message.0.is_empty() {
                    if all.len() >= MAX_BUCKETS {
                        return Err(Malformed);
                    }
                    all.push(message.varint()?);
                }
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }
}

/// The fields of a message that are not read yet.
struct Message<'m>(&'m [u8]);

impl<'m> Message<'m> {
    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// The number and value of the next field; `None` at the end.
    fn next(&mut self) -> Result<Option<(u64, Value<'m>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            5 => self.array::<4>().map(|_| Value::Fixed32)?,
            _ => return Err(Malformed), // Groups, which proto3 has not.
        };
        Ok(Some((key >> 3, value)))
    }
}

/// Calls `each` with the fields of a message.
fn fields<'m>(
    message: &'m [u8],
    mut each: impl FnMut(u64, Value<'m>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut message = Message(message);
    while let Some((number, value)) = message.next()? {
        each(number, value)?;
    }
    Ok(())
}

/// Calls `each` with the resource, name, kind and points of each metric of an `ExportMetricsServiceRequest`; `points`
/// has one point at a time, so that a request takes no more memory than its bytes.
pub(super) fn read(
    request: &[u8],
    mut each: impl FnMut(&Resource, &str, Kind, Temporality, DataPoint),
) -> Result<(), Malformed> {
    fields(request, |number, value| match number {
        1 => resource_metrics(value.bytes()?, &mut each),
        _ => Ok(()),
    })
}

type Each<'e> = dyn FnMut(&Resource, &str, Kind, Temporality, DataPoint) + 'e;

fn resource_metrics(message: &[u8], each: &mut Each<'_>) -> Result<(), Malformed> {
    let mut resource = Resource::default();
    // The resource may stand behind its metrics.
    fields(message, |number, value| match number {
        1 => fields(value.bytes()?, |number, value| match number {
            1 => attribute(value, &mut resource.attributes),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })?;
    fields(message, |number, value| match number {
        2 => fields(value.bytes()?, |number, value| match number {
            2 => metric(value.bytes()?, &resource, each),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
}

fn metric(message: &[u8], resource: &Resource, each: &mut Each<'_>) -> Result<(), Malformed> {
    let (mut name, mut data) = (String::new(), None);
    fields(message, |number, value| {
        let kind = match number {
            1 => {
                name = value.text()?;
                return Ok(());
            }
            5 => Kind::Gauge,
            7 => Kind::Sum,
            9 => Kind::Histogram,
            10 => Kind::ExponentialHistogram,
            11 => Kind::Summary,
            _ => return Ok(()),
        };
        data = Some((kind, value.bytes()?));
        Ok(())
    })?;
    let Some((kind, data)) = data else {
        return Ok(());
    };
    let mut temporality = Temporality::default();
    fields(data, |number, value| {
        if number == 2 && kind != Kind::Gauge && kind != Kind::Summary {
            temporality = Temporality::of(value.varint()?);
        }
        Ok(())
    })?;
    fields(data, |number, value| {
        if number == 1 {
            let point = data_point(value.bytes()?, kind)?;
            each(resource, &name, kind, temporality, point);
        }
        Ok(())
    })
}

/// The numbers of the fields differ from kind to kind.
fn data_point(message: &[u8], kind: Kind) -> Result<DataPoint, Malformed> {
    let mut point = DataPoint::default();
    let (attributes, flags) = match kind {
        Kind::Gauge | Kind::Sum | Kind::Summary => (7, 8),
        Kind::Histogram => (9, 10),
        Kind::ExponentialHistogram => (1, 10),
    };
    fields(message, |number, value| {
        if number == attributes {
            return attribute(value, &mut point.attributes);
        }
        if number == flags {
            point.flags = u32::try_from(value.varint()?).map_err(|_| Malformed)?;
            return Ok(());
        }
        match (number, kind) {
            (3, _) => point.time_unix_nano = value.fixed64()?,
            (4, Kind::Gauge | Kind::Sum) => point.as_double = Some(value.double()?),
            (6, Kind::Gauge | Kind::Sum) => {
                point.as_int = Some(value.fixed64()?.cast_signed() as f64);
            }
            (4, _) => point.count = value.fixed64()?,
            (5, Kind::Histogram | Kind::ExponentialHistogram | Kind::Summary) => {
                point.sum = Some(value.double()?);
            }
            (6, Kind::Histogram) => value.fixed64s(&mut point.bucket_counts)?,
            (7, Kind::Histogram) => {
                let mut bits = Vec::new();
                value.fixed64s(&mut bits)?;
                let bounds = bits.into_iter().map(f64::from_bits);
                point.explicit_bounds.extend(bounds);
            }
            (6, Kind::ExponentialHistogram) => point.scale = value.zigzag()?,
            (7, Kind::ExponentialHistogram) => point.zero_count = value.fixed64()?,
            (8, Kind::ExponentialHistogram) => point.positive = buckets(value.bytes()?)?,
            (9, Kind::ExponentialHistogram) => point.negative = buckets(value.bytes()?)?,
            (14, Kind::ExponentialHistogram) => point.zero_threshold = value.double()?,
            (6, Kind::Summary) => point.quantile_values.push(quantile(value.bytes()?)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(point)
}

fn buckets(message: &[u8]) -> Result<Buckets, Malformed> {
    let mut buckets = Buckets::default();
    fields(message, |number, value| match number {
        1 => value.zigzag().map(|offset| buckets.offset = offset),
        2 => value.varints(&mut buckets.bucket_counts),
        _ => Ok(()),
    })?;
    Ok(buckets)
}

fn quantile(message: &[u8]) -> Result<Quantile, Malformed> {
    let mut quantile = Quantile::default();
    fields(message, |number, value| {
        match number {
            1 => quantile.quantile = value.double()?,
            2 => quantile.value = value.double()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(quantile)
}

fn attribute(value: Value<'_>, attributes: &mut Vec<KeyValue>) -> Result<(), Malformed> {
    let mut attribute = KeyValue::default();
    fields(value.bytes()?, |number, value| {
        match number {
            1 => attribute.key = value.text()?,
            2 => attribute.value = any_value(value.bytes()?)?,
            _ => {}
        }
        Ok(())
    })?;
    attributes.push(attribute);
    Ok(())
}

fn any_value(message: &[u8]) -> Result<AnyValue, Malformed> {
    let mut any = AnyValue::default();
    fields(message, |number, value| {
        match number {
            1 => any.string_value = Some(value.text()?),
            2 => any.bool_value = Some(value.varint()? != 0),
            3 => any.int_value = Some(value.varint()?.cast_signed().to_string()),
            4 => any.double_value = Some(value.double()?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(any)
}
