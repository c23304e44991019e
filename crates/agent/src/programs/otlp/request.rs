//! One request to `/v1/metrics`, without its connection: bytes in, an answer out. (OTLP specification 1.x, OTLP/HTTP.)

use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::GzDecoder;
use serde_json::json;

use super::model::{DataPoint, Kind, Request, Resource, Temporality};
use super::points::{Points, Refusal};
use super::protobuf;
use crate::filter::Filter;
use crate::programs::Intake;
use crate::programs::inbox::Inbox;
use crate::programs::prometheus::Samples;

/// Bytes of a request, packed and unpacked: some 20,000 points.
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Points of a request that are taken; the rest is refused, and said to be.
const MAX_POINTS: usize = 10_000;

/// Objects and values of a request of JSON. It is read as a whole: an object takes some 300 bytes at most, a value 32.
const MAX_OBJECTS: usize = 50_000;
const MAX_VALUES: usize = 400_000;

/// What came by HTTP.
#[derive(Clone, Copy, Debug)]
pub struct Received<'r> {
    /// `application/x-protobuf` or `application/json`, with or without parameters.
    pub content_type: &'r str,
    /// `gzip`, or nothing.
    pub content_encoding: &'r str,
    /// The bytes.
    pub body: &'r [u8],
}

/// What goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200; 400 and 415 for what will never be taken; 429 for what may be sent again later.
    pub status: u16,
    /// As the request.
    pub content_type: &'static str,
    /// `ExportMetricsServiceResponse`, or `google.rpc.Status`.
    pub body: Vec<u8>,
}

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// Takes requests. Clones share what lasts.
#[derive(Clone)]
pub struct Requests {
    points: Arc<Mutex<Points>>,
    inbox: Inbox,
    intake: Intake,
}

/// The points of one request, on their way.
struct Taken<'p> {
    points: &'p mut Points,
    samples: Samples<'static>,
    now: i64,
    count: u64,
    refused: u64,
    why: Option<Refusal>,
}

impl Requests {
    /// Keeps resource attributes that pass the filter, and totals of at most `max_series` deltas.
    pub fn new(
        resource_attributes: Filter,
        max_series: usize,
        inbox: Inbox,
        intake: Intake,
    ) -> Self {
        Self {
            points: Arc::new(Mutex::new(Points::new(resource_attributes, max_series))),
            inbox,
            intake,
        }
    }

    /// Takes one request at `now`, nanoseconds since 1970.
    pub fn take(&self, received: Received<'_>, now: i64) -> Answer {
        let kind = received.content_type.split(';').next().unwrap_or("").trim();
        let content_type = match kind {
            PROTOBUF => PROTOBUF,
            JSON => JSON,
            _ => {
                return failure(
                    415,
                    JSON,
                    "the content type is none of application/x-protobuf and application/json",
                );
            }
        };
        if !self.inbox.has_room() {
            return failure(
                429,
                content_type,
                "points of earlier requests are still handed on",
            );
        }
        let unpacked = match unpack(&received) {
            Ok(unpacked) => unpacked,
            Err(why) => return self.refuse(400, content_type, &why, received.body),
        };
        let body = unpacked.as_deref().unwrap_or(received.body);
        let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Taken {
            points: &mut points,
            samples: Samples::new(Vec::new(), now),
            now,
            count: 0,
            refused: 0,
            why: None,
        };
        let read = match content_type {
            PROTOBUF => protobuf::read(body, |resource, name, kind, temporality, point| {
                taken.add(resource, name, kind, temporality, &point);
            })
            .map_err(|error| error.to_string()),
            _ => read_json(body, &mut taken),
        };
        let (count, refused, why) = (taken.count, taken.refused, taken.why);
        let taken = taken.samples.into_points();
        drop(points);
        if let Err(why) = read {
            return self.refuse(400, content_type, &why, body);
        }
        // There was room, and no other holds more than one request at a time.
        if self.inbox.put_all(taken).is_err() {
            return failure(
                429,
                content_type,
                "points of earlier requests are still handed on",
            );
        }
        self.intake.take(count);
        let why = why.map_or_else(String::new, |why| why.to_string());
        self.intake.refuse_many(refused, &why, b"");
        success(content_type, refused, &why)
    }

    fn refuse(&self, status: u16, content_type: &'static str, why: &str, body: &[u8]) -> Answer {
        self.intake.refuse(&why, body);
        failure(status, content_type, why)
    }
}

impl Taken<'_> {
    fn add(
        &mut self,
        resource: &Resource,
        name: &str,
        kind: Kind,
        temporality: Temporality,
        point: &DataPoint,
    ) {
        if self.samples.len() >= MAX_POINTS {
            self.refused += 1;
            return;
        }
        let metric = (resource, name, kind, temporality);
        match self.points.add(&mut self.samples, self.now, metric, point) {
            Ok(()) => self.count += 1,
            Err(why) => {
                self.refused += 1;
                self.why.get_or_insert(why);
            }
        }
    }
}

fn read_json(body: &[u8], taken: &mut Taken<'_>) -> Result<(), String> {
    let count = |any: u8| body.iter().filter(|byte| **byte == any).count();
    if count(b'{') > MAX_OBJECTS || count(b',') > MAX_VALUES {
        return Err("it has more objects than are read at once; send smaller requests".to_owned());
    }
    let request: Request = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    for of_resource in &request.resource_metrics {
        let scopes = of_resource.scope_metrics.iter();
        for metric in scopes.flat_map(|scope| &scope.metrics) {
            let Some((kind, data)) = metric.data() else {
                continue;
            };
            for point in &data.data_points {
                let temporality = data.aggregation_temporality;
                taken.add(
                    &of_resource.resource,
                    &metric.name,
                    kind,
                    temporality,
                    point,
                );
            }
        }
    }
    Ok(())
}

/// The body of a packed request.
fn unpack(received: &Received<'_>) -> Result<Option<Vec<u8>>, String> {
    match received.content_encoding {
        "" | "identity" => Ok(None),
        "gzip" => {
            let mut body = Vec::new();
            let most = MAX_BYTES as u64 + 1;
            let read = GzDecoder::new(received.body)
                .take(most)
                .read_to_end(&mut body);
            read.map_err(|error| format!("it is no gzip: {error}"))?;
            match body.len() > MAX_BYTES {
                true => Err(format!("unpacked, it is longer than {MAX_BYTES} bytes")),
                false => Ok(Some(body)),
            }
        }
        _ => Err("the content encoding is none of gzip and identity".to_owned()),
    }
}

fn success(content_type: &'static str, refused: u64, why: &str) -> Answer {
    let why = match (refused, why) {
        (0, _) => "",
        (_, "") => "the request has more points than are taken at once",
        (_, why) => why,
    };
    let body = match (content_type, refused) {
        (JSON, 0) => b"{}".to_vec(),
        (JSON, refused) => {
            let partial = json!({ "rejectedDataPoints": refused.to_string(), "errorMessage": why });
            json!({ "partialSuccess": partial })
                .to_string()
                .into_bytes()
        }
        (_, 0) => Vec::new(),
        // ExportMetricsPartialSuccess: 1 rejected_data_points, 2 error_message.
        (_, refused) => {
            let mut partial = vec![0x08];
            append_varint(&mut partial, refused);
            append_text(&mut partial, 0x12, why.as_bytes());
            let mut body = Vec::new();
            append_text(&mut body, 0x0a, &partial);
            body
        }
    };
    Answer {
        status: 200,
        content_type,
        body,
    }
}

/// `google.rpc.Status`: 2 message.
fn failure(status: u16, content_type: &'static str, why: &str) -> Answer {
    let body = match content_type {
        JSON => json!({ "message": why }).to_string().into_bytes(),
        _ => {
            let mut body = Vec::new();
            append_text(&mut body, 0x12, why.as_bytes());
            body
        }
    };
    Answer {
        status,
        content_type,
        body,
    }
}

fn append_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn append_text(out: &mut Vec<u8>, key: u8, text: &[u8]) {
    out.push(key);
    append_varint(out, text.len() as u64);
    out.extend_from_slice(text);
}
