//! A suite's text: read into tests and written back with only its expectations changed.

use std::path::{Path, PathBuf};

/// The language of the blocks that hold expectations.
const EXPECT: &str = "expect";

/// A suite: its text line by line and the tests in it.
pub(super) struct Document {
    path: PathBuf,
    text: String,
    /// Everything above the first test.
    preamble: Vec<String>,
    pub(super) cases: Vec<Case>,
}

/// One test of a suite.
#[derive(Clone, Debug)]
pub struct Case {
    /// The text of the `##` heading.
    pub name: String,
    /// The line of the heading, from 1.
    pub line: usize,
    parts: Vec<Part>,
}

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    /// The first word behind the fence.
    pub language: String,
    /// What follows it, perhaps nothing.
    pub name: String,
    /// The lines between the fences, each with its newline.
    pub text: String,
    /// The line of the opening fence, from 1.
    pub line: usize,
}

#[derive(Clone, Debug)]
enum Part {
    Prose(String),
    Block(Block),
}

impl Case {
    /// All blocks that are not expectations, in their order.
    pub fn inputs(&self) -> impl Iterator<Item = &Block> {
        self.blocks().filter(|block| block.language != EXPECT)
    }

    /// The text of the only block of a language.
    ///
    /// # Panics
    /// If there is none, or more than one.
    pub fn input(&self, language: &str) -> &str {
        self.optional(language)
            .unwrap_or_else(|| panic!("test {:?} has no ```{language} block", self.name))
    }

    /// The text of the only block of a language, if there is one.
    ///
    /// # Panics
    /// If there is more than one.
    pub fn optional(&self, language: &str) -> Option<&str> {
        let mut found = self.inputs().filter(|block| block.language == language);
        let first = found.next()?;
        let name = &self.name;
        assert!(
            found.next().is_none(),
            "test {name:?} has two ```{language} blocks"
        );
        Some(&first.text)
    }

    /// The text of the block with a language and a name, such as ```` ```csv left ````.
    pub fn named(&self, language: &str, name: &str) -> Option<&str> {
        let mut blocks = self.inputs();
        let found = blocks.find(|block| block.language == language && block.name == name)?;
        Some(&found.text)
    }

    /// The text of the expectation without a name, for tests that compare by rules of their own and then
    /// return either this text or what came.
    pub fn expected(&self) -> Option<&str> {
        let mut expectations = self.expectations();
        let found = expectations.find(|block| block.name.is_empty())?;
        Some(&found.text)
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.parts.iter().filter_map(|part| match part {
            Part::Block(block) => Some(block),
            Part::Prose(_) => None,
        })
    }

    /// Name and text of each expectation.
    pub(super) fn expectations(&self) -> impl Iterator<Item = &Block> {
        self.blocks().filter(|block| block.language == EXPECT)
    }

    /// Makes the outputs the expectations: known ones change in place, new ones come at the end,
    /// those nobody gives any more go.
    pub(super) fn accept(&mut self, outputs: Vec<(String, String)>) {
        self.parts.retain(|part| match part {
            Part::Block(block) if block.language == EXPECT => {
                outputs.iter().any(|(name, _)| *name == block.name)
            }
            _ => true,
        });
        for (name, text) in outputs {
            let text = with_newline(text);
            let known = self.parts.iter_mut().find_map(|part| match part {
                Part::Block(block) if block.language == EXPECT && block.name == name => Some(block),
                _ => None,
            });
            match known {
                Some(block) => block.text = text,
                None => self.append(Block {
                    language: EXPECT.to_owned(),
                    name,
                    text,
                    line: 0,
                }),
            }
        }
    }

    /// Puts a block behind the last one; in a test without any, behind its prose.
    fn append(&mut self, block: Block) {
        let is_block = |part: &Part| matches!(part, Part::Block(_));
        let has_text = |part: &Part| !matches!(part, Part::Prose(text) if text.is_empty());
        let last = self.parts.iter().rposition(is_block);
        match last.or_else(|| self.parts.iter().rposition(has_text)) {
            Some(place) if is_block(&self.parts[place]) => {
                self.parts.insert(place + 1, Part::Block(block));
            }
            last_prose => {
                let place = last_prose.map_or(0, |place| place + 1);
                let parts = [Part::Prose(String::new()), Part::Block(block)];
                self.parts.splice(place..place, parts);
            }
        }
    }
}

pub(super) fn with_newline(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

impl Document {
    /// # Panics
    /// If the file cannot be read, is not named `.md`, or breaks the form of a suite.
    pub(super) fn read(path: &Path) -> Document {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let suite = path.extension().is_some_and(|extension| extension == "md");
        assert!(suite, "{} is not a suite: nobody runs it", path.display());
        Document::parse(path, text).unwrap_or_else(|problem| panic!("{}:{problem}", path.display()))
    }

    pub(super) fn parse(path: &Path, text: String) -> Result<Document, String> {
        let mut document = Document {
            path: path.to_owned(),
            preamble: Vec::new(),
            cases: Vec::new(),
            text: String::new(),
        };
        let mut lines = text
            .lines()
            .enumerate()
            .map(|(place, line)| (place + 1, line));
        while let Some((number, line)) = lines.next() {
            if let Some(name) = line.strip_prefix("## ") {
                document.begin_case(name.trim(), number)?;
            } else if let Some((fence, info)) = opening_fence(line) {
                let block = read_block(&mut lines, number, fence, info)?;
                match document.cases.last_mut() {
                    Some(case) => case.parts.push(Part::Block(block)),
                    None => document.preamble.push(fenced(&block)),
                }
            } else {
                match document.cases.last_mut() {
                    Some(case) => case.parts.push(Part::Prose(line.to_owned())),
                    None => document.preamble.push(line.to_owned()),
                }
            }
        }
        document.text = text;
        Ok(document)
    }

    fn begin_case(&mut self, name: &str, line: usize) -> Result<(), String> {
        if self.cases.iter().any(|case| case.name == name) {
            return Err(format!("{line}: two tests are called {name:?}"));
        }
        self.cases.push(Case {
            name: name.to_owned(),
            line,
            parts: Vec::new(),
        });
        Ok(())
    }

    /// # Panics
    /// If the file cannot be written.
    pub(super) fn write_if_changed(&self) {
        let text = self.render();
        if text != self.text {
            std::fs::write(&self.path, text)
                .unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        }
    }

    pub(super) fn render(&self) -> String {
        let mut lines = self.preamble.clone();
        for case in &self.cases {
            lines.push(format!("## {}", case.name));
            lines.extend(case.parts.iter().map(|part| match part {
                Part::Prose(line) => line.clone(),
                Part::Block(block) => fenced(block),
            }));
        }
        lines.join("\n") + "\n"
    }
}

/// The backticks of an opening fence and what stands behind them.
fn opening_fence(line: &str) -> Option<(usize, &str)> {
    let info = line.trim_start_matches('`');
    let ticks = line.len() - info.len();
    (ticks >= 3 && !info.contains('`')).then_some((ticks, info.trim()))
}

fn read_block<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    line: usize,
    fence: usize,
    info: &str,
) -> Result<Block, String> {
    let (language, name) = info.split_once(' ').unwrap_or((info, ""));
    let mut text = String::new();
    for (_, content) in lines {
        if content.len() >= fence && content.bytes().all(|byte| byte == b'`') {
            return Ok(Block {
                language: language.to_owned(),
                name: name.trim().to_owned(),
                text,
                line,
            });
        }
        text.push_str(content);
        text.push('\n');
    }
    Err(format!("{line}: the block is not closed"))
}

fn fenced(block: &Block) -> String {
    let inner = block
        .text
        .lines()
        .map(|line| line.len() - line.trim_start_matches('`').len());
    let fence = "`".repeat(inner.max().unwrap_or(0).max(2) + 1);
    let name = if block.name.is_empty() {
        String::new()
    } else {
        format!(" {}", block.name)
    };
    format!("{fence}{}{name}\n{}{fence}", block.language, block.text)
}
