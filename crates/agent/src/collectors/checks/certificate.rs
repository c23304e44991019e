//! When a certificate ends, out of its DER (RFC 5280, 4.1): the one field that a check tells, so that no parser
//! of the whole has to be carried.

use watchpost_core::time::parse_rfc3339;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The last whole year that nanoseconds since 1970 reach. A certificate without an end has the year 9999.
const LAST_YEAR: u16 = 2261;

/// The end of a certificate, in nanoseconds since 1970; `None` if it is not as the standard says.
pub(super) fn ends(der: &[u8]) -> Option<i64> {
    let (tag, certificate, _) = element(der)?;
    let (inner, signed, _) = element(certificate)?;
    if (tag, inner) != (SEQUENCE, SEQUENCE) {
        return None;
    }
    let mut rest = signed;
    if element(rest)?.0 == VERSION {
        rest = element(rest)?.2;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, after) = element(validity)?;
    let (tag, text, _) = element(after)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The tag and content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (
                digits
                    .iter()
                    .fold(0, |length, digit| length << 8 | usize::from(*digit)),
                rest,
            )
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ`, whose years run from 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &str) -> Option<i64> {
    let text = match tag {
        UTC_TIME if text.is_char_boundary(2) && text.len() > 2 => {
            let century = if text[..2].parse::<u8>().ok()? < 50 {
                "20"
            } else {
                "19"
            };
            format!("{century}{text}")
        }
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let digits = text
        .strip_suffix('Z')
        .filter(|digits| digits.len() == 14 && digits.bytes().all(|b| b.is_ascii_digit()))?;
    let (date, clock) = digits.split_at(8);
    if date[..4].parse::<u16>().ok()? > LAST_YEAR {
        return Some(i64::MAX);
    }
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &clock[..2],
        &clock[2..4],
        &clock[4..]
    );
    parse_rfc3339(&text).ok()
}

#[cfg(test)]
mod tests {
    use watchpost_core::time::parse_rfc3339;

    use super::ends;

    /// The least that has the shape of a certificate.
    fn certificate(time: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| {
            [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
        };
        let validity = wrap(0x30, &[&wrap(0x17, b"250101000000Z"), time].concat());
        let signed = [
            &wrap(0xa0, &[2, 1, 2])[..],
            &wrap(2, &[1]),
            &wrap(0x30, &[]),
            &wrap(0x30, &[]),
            &validity,
        ]
        .concat();
        wrap(0x30, &wrap(0x30, &signed))
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let end = |text: &str| Some(parse_rfc3339(text).unwrap());
        assert_eq!(
            ends(&certificate(b"\x17\x0d270304050607Z")),
            end("2027-03-04T05:06:07Z")
        );
        assert_eq!(
            ends(&certificate(b"\x18\x0f99991231235959Z")),
            Some(i64::MAX)
        );
        assert_eq!(
            ends(&certificate(b"\x18\x0f20500304050607Z")),
            end("2050-03-04T05:06:07Z")
        );
    }

    #[test]
    fn whatever_else_is_none() {
        let whole = certificate(b"\x17\x0d270304050607Z");
        for length in 0..whole.len() {
            assert_eq!(ends(&whole[..length]), None);
        }
        for at in 0..whole.len() {
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                let _ = ends(&damaged);
            }
        }
    }
}
