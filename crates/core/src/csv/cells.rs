//! Single cells: text with Go's quoting, floats without exponents.

/// Appends a float as InfluxDB prints it: the fewest digits that read back, never an exponent
/// (1e21 has 22 digits), `NaN`, `+Inf`, `-Inf`, `-0`.
pub fn append_float(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        let text: &[u8] = match value {
            value if value.is_nan() => b"NaN",
            value if value > 0.0 => b"+Inf",
            _ => b"-Inf",
        };
        out.extend_from_slice(text);
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    if text.contains('e') {
        // Rare: very large or very small. The standard library never writes an exponent.
        out.extend_from_slice(value.to_string().as_bytes());
    } else {
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    }
}

/// See [`append_float`].
pub fn format_float(value: f64) -> String {
    let mut out = Vec::with_capacity(24);
    append_float(&mut out, value);
    String::from_utf8(out).expect("a number is ASCII")
}

/// Appends a text, quoted when Go's `encoding/csv` (with CRLF line ends, as InfluxDB sets it)
/// would: it holds the delimiter, a quote, CR or LF, begins with white space, or is `\.`. Inside
/// quotes LF becomes CRLF and a lone CR is lost, also as in Go.
pub fn append_text(out: &mut Vec<u8>, text: &str, delimiter: char) {
    if !needs_quotes(text, delimiter) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\"\""),
            b'\n' => out.extend_from_slice(b"\r\n"),
            b'\r' => {}
            other => out.push(other),
        }
    }
    out.push(b'"');
}

fn needs_quotes(text: &str, delimiter: char) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    // The lead byte of any other delimiter is enough to look closer.
    let mut bytes = [0; 4];
    let lead = delimiter.encode_utf8(&mut bytes).as_bytes()[0];
    let special = |byte: u8| matches!(byte, b'"' | b'\r' | b'\n') || byte == lead;
    first.is_whitespace()
        || text == "\\."
        || (text.bytes().any(special)
            && (text.contains(delimiter) || text.contains(['"', '\r', '\n'])))
}
