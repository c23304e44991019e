//! Points and series keys: order, replacement, the canonical text.

use watchpost_core::line_protocol::{Precision, parse_points, write_points};
use watchpost_core::point::{FieldValue, Point, SeriesKey};
use watchpost_testkit::cases;

#[test]
fn points_are_written_canonically() {
    cases::run("testdata/point.md", |case| {
        let body = case.input("lp").as_bytes();
        let points = parse_points(body, Precision::Nanoseconds, 0).unwrap();
        String::from_utf8(write_points(&points).unwrap()).unwrap()
    });
}

#[test]
fn tags_are_sorted_replaced_and_removed() {
    let mut key = SeriesKey::new("m", [("b", "2"), ("a", "1"), ("b", "3"), ("c", "")]);
    assert_eq!(key.to_string(), "m,a=1,b=3");
    assert_eq!((key.tag("b"), key.tag("c")), (Some("3"), None));
    key.set_tag("a", "");
    key.set_tag("z", "9");
    assert_eq!(key.to_string(), "m,b=3,z=9");
}

#[test]
fn keys_are_ordered_by_measurement_then_tags() {
    let key = |tags: &[(&str, &str)]| SeriesKey::new("m", tags.iter().copied());
    let sorted = [
        key(&[]),
        key(&[("a", "1")]),
        key(&[("a", "1"), ("b", "2")]),
        key(&[("a", "2")]),
        key(&[("b", "1")]),
    ];
    assert!(sorted.is_sorted());
}

#[test]
fn the_later_value_of_a_field_stays() {
    let point = Point::new("m", 0)
        .field("v", 1.0)
        .field("w", true)
        .field("v", "text");
    assert_eq!(point.fields().len(), 2);
    assert_eq!(point.get("v"), Some(&FieldValue::from("text")));
    assert_eq!(point.get("v").and_then(FieldValue::as_f64), None);
    assert_eq!(FieldValue::from(3_u64).as_f64(), Some(3.0));
}
