//! Classes of characters: `[a-z]`, `\d`, `\pL`, `[[:alpha:]]`. Perl's and POSIX's are ASCII; those of Unicode go by
//! the names of Go's tables, which are the general categories and the scripts, spelled exactly.

use std::fmt::Write;

use super::error::{Fault, RegexError};
use super::escape;

/// Every text's characters, and none: code points of surrogates are valid in a pattern and in no text. They are not
/// written as a range from end to end, whose case the library would take ten milliseconds to ignore.
const ANY: &str = "[^[a&&b]]";
const NONE: &str = "[a&&b]";
const SURROGATES: std::ops::RangeInclusive<u32> = 0xD800..=0xDFFF;

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

const CATEGORIES: &str = "L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs \
    Cc Cf Co";

const SCRIPTS: &str = "Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak \
    Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma \
    Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru \
    Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati \
    Gunjala_Gondi Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited \
    Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi \
    Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani \
    Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui \
    Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari \
    New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian \
    Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong \
    Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian \
    Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le \
    Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai \
    Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square";

/// Appends a code point, escaped where it could mean something, within a class and outside.
pub(super) fn push_character(out: &mut String, character: u32) {
    match char::from_u32(character) {
        Some(plain) if plain.is_ascii_alphanumeric() => out.push(plain),
        Some(_) => {
            let _ = write!(out, "\\x{{{character:X}}}");
        }
        None => out.push_str(NONE),
    }
}

/// The class that a text begins with by `\d`, `\S` and their like, and what follows it.
pub(super) fn perl(text: &str) -> Option<(&'static str, &str)> {
    let class = match text.as_bytes().get(..2)? {
        br"\d" => "[0-9]",
        br"\D" => "[^0-9]",
        br"\s" => r"[\t\n\x{C}\r\x{20}]",
        br"\S" => r"[^\t\n\x{C}\r\x{20}]",
        br"\w" => "[0-9A-Za-z_]",
        br"\W" => "[^0-9A-Za-z_]",
        _ => return None,
    };
    Some((class, &text[2..]))
}

/// The class that a text begins with by `\pL`, `\p{Greek}`, `\P{^Lu}`, and what follows it.
///
/// # Errors
/// There is no class of this name.
pub(super) fn unicode(text: &str) -> Result<Option<(String, &str)>, RegexError> {
    let Some(rest) = text.strip_prefix(r"\p").or(text.strip_prefix(r"\P")) else {
        return Ok(None);
    };
    let refuse = |part: &str| RegexError::new(Fault::CharacterRange, part);
    let (name, length) = match rest.chars().next() {
        None => return Err(refuse(text)),
        Some('{') => {
            let end = rest.find('}').ok_or_else(|| refuse(text))?;
            (&rest[1..end], end + 1)
        }
        Some(letter) => (&rest[..letter.len_utf8()], letter.len_utf8()),
    };
    let (part, rest) = text.split_at(2 + length);
    let (name, inverted) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let negated = text.starts_with(r"\P") != inverted;
    named(name, negated)
        .map(|class| Some((class, rest)))
        .ok_or_else(|| refuse(part))
}

fn named(name: &str, negated: bool) -> Option<String> {
    let sign = if negated { 'P' } else { 'p' };
    Some(match name {
        "Any" => if negated { NONE } else { ANY }.to_owned(),
        "Cs" => if negated { ANY } else { NONE }.to_owned(),
        // Without the code points that are not assigned, which Go leaves out.
        "C" => format!(
            r"[{}\p{{Cc}}\p{{Cf}}\p{{Co}}]",
            if negated { "^" } else { "" }
        ),
        category if CATEGORIES.split(' ').any(|known| known == category) => {
            format!(r"\{sign}{{{category}}}")
        }
        script if SCRIPTS.split(' ').any(|known| known == script) => {
            format!(r"\{sign}{{sc={script}}}")
        }
        _ => return None,
    })
}

/// Appends the bracketed class that a text begins with; what follows it is left.
///
/// # Errors
/// The class does not end, or something in it is none.
pub(super) fn bracketed<'p>(
    text: &'p str,
    folds: bool,
    out: &mut String,
    unicode_classes: &mut usize,
) -> Result<&'p str, RegexError> {
    let mut rest = &text[1..];
    out.push('[');
    if let Some(negated) = rest.strip_prefix('^') {
        out.push('^');
        rest = negated;
    }
    let start = out.len();
    let mut first = true;
    let mut members = Members::default();
    loop {
        if !first && let Some(rest) = rest.strip_prefix(']') {
            let width = members.write(out);
            // A class of nothing but surrogates has no item left; the library's empty class needs one.
            if out.len() == start {
                out.push_str(NONE);
            }
            if folds {
                *unicode_classes += width / WIDE_RANGE;
            }
            out.push(']');
            return Ok(rest);
        }
        first = false;
        if let Some((class, after)) = posix(rest)? {
            members.name(class);
            rest = after;
        } else if let Some((class, after)) = unicode(rest)? {
            *unicode_classes += 1;
            out.push_str(&class);
            rest = after;
        } else if let Some((class, after)) = perl(rest) {
            members.name(class);
            rest = after;
        } else {
            rest = range(rest, text, &mut members)?;
        }
    }
}

/// Characters of a range that the library takes as long to ignore the case of as those of a class of Unicode: it looks at
/// them one by one.
const WIDE_RANGE: usize = 16 << 10;

/// Ranges after which those that meet are put together.
const MANY_RANGES: usize = 1_024;

/// What a class has, each once: the library takes some hundred bytes for an item, and the same one may stand there a
/// quarter of a million times.
#[derive(Default)]
struct Members<'p> {
    named: Vec<&'p str>,
    ranges: Vec<(u32, u32)>,
    /// How many ranges were left the last time that they were put together.
    merged: usize,
}

impl<'p> Members<'p> {
    /// `[:alpha:]`, `\d`: there are some forty.
    fn name(&mut self, class: &'p str) {
        if !self.named.contains(&class) {
            self.named.push(class);
        }
    }

    fn add(&mut self, low: u32, high: u32) {
        self.ranges.push((low, high));
        if self.ranges.len() >= 2 * self.merged + MANY_RANGES {
            self.merge();
        }
    }

    fn merge(&mut self) {
        self.ranges.sort_unstable();
        self.ranges.dedup_by(|next, before| {
            let meet = next.0 <= before.1.saturating_add(1);
            if meet {
                before.1 = before.1.max(next.1);
            }
            meet
        });
        self.merged = self.ranges.len();
    }

    /// Appends them; answers how many characters the ranges have.
    fn write(mut self, out: &mut String) -> usize {
        self.merge();
        self.named.iter().for_each(|class| out.push_str(class));
        let mut width = 0;
        for (low, high) in self.ranges {
            width += (high - low) as usize + 1;
            push_character(out, low);
            if high > low {
                out.push('-');
                push_character(out, high);
            }
        }
        width
    }
}

/// `[:alpha:]`, `[:^alpha:]`
fn posix(text: &str) -> Result<Option<(&str, &str)>, RegexError> {
    let Some(end) = text
        .strip_prefix("[:")
        .and_then(|inner| inner.find(":]"))
        .map(|at| at + 4)
    else {
        return Ok(None);
    };
    let (class, rest) = text.split_at(end);
    let name = &class[2..class.len() - 2];
    if POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
        Ok(Some((class, rest)))
    } else {
        Err(RegexError::new(Fault::CharacterRange, class))
    }
}

/// `a` or `a-z` within a class.
fn range<'p>(text: &'p str, class: &str, members: &mut Members<'p>) -> Result<&'p str, RegexError> {
    let (low, mut rest) = member(text, class)?;
    let mut high = low;
    if let Some(upper) = rest.strip_prefix('-')
        && !upper.is_empty()
        && !upper.starts_with(']')
    {
        (high, rest) = member(upper, class)?;
        if high < low {
            let part = &text[..text.len() - rest.len()];
            return Err(RegexError::new(Fault::CharacterRange, part));
        }
    }
    if SURROGATES.contains(&low) && SURROGATES.contains(&high) {
        return Ok(rest);
    }
    let low = if SURROGATES.contains(&low) {
        0xE000
    } else {
        low
    };
    let high = if SURROGATES.contains(&high) {
        0xD7FF
    } else {
        high
    };
    members.add(low, high);
    Ok(rest)
}

fn member<'p>(text: &'p str, class: &str) -> Result<(u32, &'p str), RegexError> {
    match text.chars().next() {
        None => Err(RegexError::new(Fault::MissingBracket, class)),
        Some('\\') => escape::character(text),
        Some(char) => Ok((u32::from(char), &text[char.len_utf8()..])),
    }
}
