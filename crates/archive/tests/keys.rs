//! A key for tests, and objects that are not what they say.

use watchpost_archive::Error;
use watchpost_archive::envelope::{Identities, Recipients, Title, new_key};

/// A fresh key, both halves.
pub(crate) fn pair() -> (Identities, Recipients) {
    let (private, public) = new_key();
    let identities = Identities::parse(&private, "test.key").expect("a key");
    let recipients = Recipients::parse([public.as_str()]).expect("a key");
    (identities, recipients)
}

fn title(platform: &str, kind: &str, name: &str) -> Title {
    Title {
        platform: platform.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

#[test]
fn what_was_sealed_is_opened_by_its_key_alone() {
    let (identities, recipients) = pair();
    let of = title("p", "log", "1/2");
    let sealed = recipients.seal_bytes(&of, b"content").expect("sealed");
    assert_eq!(
        identities.open_bytes("o", &of, &sealed).expect("opened"),
        b"content"
    );
    let (others, _) = pair();
    let error = others
        .open_bytes("o", &of, &sealed)
        .expect_err("not its key");
    assert!(matches!(error, Error::WrongKey { .. }), "{error}");
    assert!(error.to_string().contains("--identity"), "{error}");
}

#[test]
fn an_object_in_the_place_of_another_is_refused() {
    let (identities, recipients) = pair();
    let sealed = recipients
        .seal_bytes(&title("p", "log", "1/2"), b"content")
        .expect("sealed");
    for other in [title("p", "log", "1/3"), title("p", "segment", "1/2")] {
        let error = identities
            .open_bytes("o", &other, &sealed)
            .expect_err("another");
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
    let error = identities
        .open_bytes("o", &title("q", "log", "1/2"), &sealed)
        .expect_err("another platform's");
    assert!(matches!(error, Error::OtherPlatform { .. }), "{error}");
}

#[test]
fn a_byte_that_is_changed_cut_off_or_added_anywhere_is_noticed() {
    let (identities, recipients) = pair();
    let of = title("p", "log", "1/2");
    let content = vec![7; 200];
    let sealed = recipients.seal_bytes(&of, &content).expect("sealed");
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        let opened = identities.open_bytes("o", &of, &changed);
        assert!(opened.is_err(), "byte {place} was changed");
        let cut = identities.open_bytes("o", &of, &sealed[..place]);
        assert!(cut.is_err(), "cut off at {place}");
    }
    let mut longer = sealed;
    longer.push(0);
    assert!(identities.open_bytes("o", &of, &longer).is_err());
}

#[test]
fn keys_that_are_none_are_refused_with_what_to_do() {
    for text in ["", "age1", "AGE-SECRET-KEY-1ABC"] {
        let error = Recipients::parse([text]).err().expect("none");
        assert!(error.to_string().contains("new-key"), "{error}");
    }
    assert!(Recipients::parse([]).is_err());
    assert!(Identities::parse("# nothing\n", "f").is_err());
    assert!(Identities::parse("garbage\n", "f").is_err());
}
