//! Line protocol on its way: whole lines, counted.

/// Some lines of line protocol, each ended by a newline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    text: String,
    lines: u32,
}

impl Batch {
    /// Takes text whose lines all end with a newline.
    pub fn new(text: String) -> Self {
        let lines = text.bytes().filter(|byte| *byte == b'\n').count();
        Self {
            lines: u32::try_from(lines).unwrap_or(u32::MAX),
            text,
        }
    }

    /// No lines yet, and room for so many bytes of them.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            lines: 0,
        }
    }

    /// The lines.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many lines.
    pub fn lines(&self) -> u32 {
        self.lines
    }

    /// Bytes of the text.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// Adds the lines of another.
    pub fn append(&mut self, other: &Self) {
        self.text.push_str(&other.text);
        self.lines += other.lines;
    }

    /// Cuts into two halves by lines; the second is empty if there is but one line.
    pub fn halves(&self) -> (Self, Self) {
        let first_lines = self.lines.div_ceil(2);
        let cut = self
            .text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .nth(first_lines.saturating_sub(1) as usize)
            .map_or(self.text.len(), |(at, _)| at + 1);
        let (first, second) = self.text.split_at(cut);
        (
            Self {
                text: first.to_owned(),
                lines: first_lines,
            },
            Self {
                text: second.to_owned(),
                lines: self.lines - first_lines,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Batch;

    #[test]
    fn halves_are_whole_lines() {
        let (first, second) = Batch::new("a\nb\nc\n".to_owned()).halves();
        assert_eq!((first.text(), first.lines()), ("a\nb\n", 2));
        assert_eq!((second.text(), second.lines()), ("c\n", 1));
        let (first, second) = second.halves();
        assert_eq!((first.lines(), second.lines()), (1, 0));
    }
}
