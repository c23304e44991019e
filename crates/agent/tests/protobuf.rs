//! Writes an `ExportMetricsServiceRequest` as protobuf from its JSON: by the numbers of the fields in
//! `opentelemetry/proto/metrics/v1/metrics.proto`.

use serde_json::Value;

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn bytes(out: &mut Vec<u8>, number: u64, text: &[u8]) {
    varint(out, number << 3 | 2);
    varint(out, text.len() as u64);
    out.extend_from_slice(text);
}

fn number_varint(out: &mut Vec<u8>, number: u64, value: u64) {
    varint(out, number << 3);
    varint(out, value);
}

fn fixed64(out: &mut Vec<u8>, number: u64, value: u64) {
    varint(out, number << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

fn double(out: &mut Vec<u8>, number: u64, value: &Value) {
    if let Some(value) = value.as_f64() {
        fixed64(out, number, value.to_bits());
    }
}

fn zigzag(out: &mut Vec<u8>, number: u64, value: &Value) {
    if let Some(value) = value.as_i64() {
        number_varint(out, number, (value << 1 ^ value >> 63) as u64);
    }
}

/// A number of 64 bits, which JSON has as a text.
fn integer(value: &Value) -> Option<i64> {
    let text = value.as_str().and_then(|text| text.parse().ok());
    text.or_else(|| value.as_i64())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The request.
pub(crate) fn request(json: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    for of_resource in list(&json["resourceMetrics"]) {
        let mut message = Vec::new();
        // The scopes stand before the resource, which a reader must bear.
        for scope in list(&of_resource["scopeMetrics"]) {
            let mut of_scope = Vec::new();
            bytes(&mut of_scope, 1, &[]);
            for metric in list(&scope["metrics"]) {
                bytes(&mut of_scope, 2, &self::metric(metric));
            }
            bytes(&mut message, 2, &of_scope);
        }
        let mut resource = Vec::new();
        attributes(&mut resource, 1, &of_resource["resource"]["attributes"]);
        bytes(&mut message, 1, &resource);
        bytes(&mut out, 1, &message);
    }
    out
}

fn metric(json: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(&mut out, 1, json["name"].as_str().unwrap().as_bytes());
    bytes(&mut out, 2, b"a description");
    for (kind, number) in [
        ("gauge", 5),
        ("sum", 7),
        ("histogram", 9),
        ("exponentialHistogram", 10),
        ("summary", 11),
    ] {
        let Some(data) = json.get(kind) else {
            continue;
        };
        let mut message = Vec::new();
        for point in list(&data["dataPoints"]) {
            bytes(&mut message, 1, &data_point(point, kind));
        }
        if let Some(temporality) = data["aggregationTemporality"].as_u64() {
            number_varint(&mut message, 2, temporality);
        }
        if data["isMonotonic"].as_bool() == Some(true) {
            number_varint(&mut message, 3, 1);
        }
        bytes(&mut out, number, &message);
    }
    out
}

fn data_point(json: &Value, kind: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let (keys, flags) = match kind {
        "histogram" => (9, 10),
        "exponentialHistogram" => (1, 10),
        _ => (7, 8),
    };
    attributes(&mut out, keys, &json["attributes"]);
    if let Some(value) = json["flags"].as_u64() {
        number_varint(&mut out, flags, value);
    }
    for (name, number) in [("startTimeUnixNano", 2), ("timeUnixNano", 3)] {
        if let Some(time) = integer(&json[name]) {
            fixed64(&mut out, number, time as u64);
        }
    }
    if kind == "gauge" || kind == "sum" {
        double(&mut out, 4, &json["asDouble"]);
        if let Some(value) = integer(&json["asInt"]) {
            fixed64(&mut out, 6, value as u64);
        }
        return out;
    }
    if let Some(count) = integer(&json["count"]) {
        fixed64(&mut out, 4, count as u64);
    }
    double(&mut out, 5, &json["sum"]);
    match kind {
        "histogram" => {
            let counts = list(&json["bucketCounts"]).iter();
            let counts = counts.flat_map(|count| integer(count).unwrap().to_le_bytes());
            bytes(&mut out, 6, &counts.collect::<Vec<u8>>());
            for bound in list(&json["explicitBounds"]) {
                double(&mut out, 7, bound); // One by one, which a reader must bear, too.
            }
        }
        "exponentialHistogram" => {
            zigzag(&mut out, 6, &json["scale"]);
            if let Some(count) = integer(&json["zeroCount"]) {
                fixed64(&mut out, 7, count as u64);
            }
            bytes(&mut out, 8, &buckets(&json["positive"]));
            bytes(&mut out, 9, &buckets(&json["negative"]));
        }
        _ => {
            for quantile in list(&json["quantileValues"]) {
                let mut message = Vec::new();
                double(&mut message, 1, &quantile["quantile"]);
                double(&mut message, 2, &quantile["value"]);
                bytes(&mut out, 6, &message);
            }
        }
    }
    out
}

fn buckets(json: &Value) -> Vec<u8> {
    let (mut out, mut counts) = (Vec::new(), Vec::new());
    zigzag(&mut out, 1, &json["offset"]);
    for count in list(&json["bucketCounts"]) {
        varint(&mut counts, integer(count).unwrap() as u64);
    }
    bytes(&mut out, 2, &counts);
    out
}

fn attributes(out: &mut Vec<u8>, number: u64, json: &Value) {
    for attribute in list(json) {
        let mut value = Vec::new();
        let of = &attribute["value"];
        if let Some(text) = of["stringValue"].as_str() {
            bytes(&mut value, 1, text.as_bytes());
        } else if let Some(is) = of["boolValue"].as_bool() {
            number_varint(&mut value, 2, u64::from(is));
        } else if let Some(integer) = integer(&of["intValue"]) {
            number_varint(&mut value, 3, integer as u64);
        } else if of.get("doubleValue").is_some() {
            double(&mut value, 4, &of["doubleValue"]);
        } else {
            bytes(&mut value, 5, &[]);
        }
        let mut message = Vec::new();
        bytes(
            &mut message,
            1,
            attribute["key"].as_str().unwrap().as_bytes(),
        );
        bytes(&mut message, 2, &value);
        bytes(out, number, &message);
    }
}
