//! Bytes that a Markdown file cannot hold as they are: `\r`, `\n`, `\t`, `\0`, `\\` and `\xFF`.

/// The bytes a text with escapes stands for.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match letters.next() {
            Some('r') => out.push(b'\r'),
            Some('n') => out.push(b'\n'),
            Some('t') => out.push(b'\t'),
            Some('0') => out.push(0),
            Some('x') => {
                let digits: String = letters.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&digits, 16).expect("two hexadecimal digits"));
            }
            Some('\\') => out.push(b'\\'),
            other => panic!("unknown escape {other:?} in {text:?}"),
        }
    }
    out
}
