//! A Rust file cut into code and comments, as far as the checks need it.
//!
//! A lexer, not a parser: it knows comments, strings, characters and lifetimes, so that a word in a string or a brace in a comment is not
//! mistaken for code. Whatever needs more than matching braces is left to the compiler.

#[cfg(test)]
mod tests;

/// A file, line by line.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) lines: Vec<Line>,
}

/// One line.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The code; strings are emptied and comments left out.
    pub(crate) code: String,
    /// The comments, with their marks.
    pub(crate) comment: String,
    /// In an inline module or an item under `#[cfg(test)]` or `#[cfg(loom)]`.
    pub(crate) gated: bool,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// From the line with `fn` to the one with the closing brace, from 0.
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Source {
    /// Cuts a text into pieces.
    pub(crate) fn new(text: &str) -> Self {
        let mut lexer = Lexer { rest: text, lines: vec![Line::default()] };
        while lexer.step() {}
        let mut source = Self { lines: lexer.lines };
        source.mark_gated();
        source
    }

    /// How many lines have code that is shipped.
    pub(crate) fn code_lines(&self) -> usize {
        self.lines.iter().filter(|line| !line.gated && !line.code.trim().is_empty()).count()
    }

    /// The shipped functions that have a body.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for (first, line) in self.lines.iter().enumerate() {
            let Some(position) = find_word(&line.code, "fn").filter(|_| !line.gated) else { continue };
            let name: String = line.code[position + 2..].trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if let Some(last) = (!name.is_empty()).then(|| self.end_of_body(first, position)).flatten() {
                functions.push(Function { name, first, last });
            }
        }
        functions
    }

    /// The line on which the item that starts there ends: with its closing brace, or with `None` if it ends with a semicolon first.
    fn end_of_body(&self, first: usize, position: usize) -> Option<usize> {
        let (mut braces, mut brackets) = (0usize, 0usize);
        for (number, line) in self.lines.iter().enumerate().skip(first) {
            let start = if number == first { position } else { 0 };
            for c in line.code[start..].chars() {
                match c {
                    '(' | '[' => brackets += 1,
                    ')' | ']' => brackets = brackets.saturating_sub(1),
                    '{' => braces += 1,
                    '}' if braces == 1 && brackets == 0 => return Some(number),
                    '}' => braces = braces.saturating_sub(1),
                    ';' if braces == 0 && brackets == 0 => return None,
                    _ => {}
                }
            }
        }
        None
    }

    /// The modules in files of their own that are compiled for tests or models only.
    pub(crate) fn gated_modules(&self) -> Vec<String> {
        let gated = self.lines.iter().filter(|line| line.gated);
        gated.filter_map(|line| line.code.trim().strip_suffix(';')?.rsplit_once("mod ").map(|(_, name)| name.to_owned())).collect()
    }

    fn mark_gated(&mut self) {
        for first in 0..self.lines.len() {
            if !is_gate(&self.lines[first].code) || self.lines[first].gated {
                continue;
            }
            let position = self.lines[first].code.find(']').map_or(0, |end| end + 1);
            let last = self.end_of_body(first, position).unwrap_or_else(|| self.end_of_statement(first, position));
            self.lines[first..=last].iter_mut().for_each(|line| line.gated = true);
        }
    }

    fn end_of_statement(&self, first: usize, position: usize) -> usize {
        let ends = |(number, line): (usize, &Line)| {
            let start = if number == first { position } else { 0 };
            line.code[start..].contains(';').then_some(number)
        };
        self.lines.iter().enumerate().skip(first).find_map(ends).unwrap_or(first)
    }
}

/// Whether the attribute keeps an item out of what is shipped.
fn is_gate(code: &str) -> bool {
    let code = code.trim();
    let asks_for = |word: &str| code.contains(word) && !code.contains(&format!("not({word}"));
    code.starts_with("#[cfg(") && !code.contains("feature") && (asks_for("test") || asks_for("loom"))
}

/// Where a word stands as a word of its own.
pub(crate) fn find_word(text: &str, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).map(|(position, _)| position).find(|&position| {
        let before = text[..position].chars().next_back().is_some_and(is_part);
        let after = text[position + word.len()..].chars().next().is_some_and(is_part);
        !before && !after
    })
}

struct Lexer<'a> {
    rest: &'a str,
    lines: Vec<Line>,
}

impl Lexer<'_> {
    /// Takes one token off the rest; `false` at the end.
    fn step(&mut self) -> bool {
        let rest = self.rest;
        let Some(first) = rest.chars().next() else { return false };
        if rest.starts_with("//") {
            self.take(rest.find('\n').unwrap_or(rest.len()), true);
        } else if rest.starts_with("/*") {
            self.take(block_comment(rest), true);
        } else if let Some(length) = raw_string(rest).filter(|_| !self.in_word()) {
            self.skip(length);
        } else if first == '"' {
            self.skip(string(rest));
        } else if let Some(length) = (first == '\'').then(|| character(rest)).flatten() {
            self.skip(length);
        } else {
            self.take(first.len_utf8(), false);
        }
        true
    }

    fn in_word(&self) -> bool {
        self.lines.last().is_some_and(|line| line.code.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_'))
    }

    fn take(&mut self, length: usize, comment: bool) {
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        for (number, piece) in token.split('\n').enumerate() {
            if number > 0 {
                self.lines.push(Line::default());
            }
            let line = self.lines.last_mut().expect("there is always a line");
            if comment { line.comment.push_str(piece) } else { line.code.push_str(piece) }
        }
    }

    /// A literal, of which only the quotes are kept.
    fn skip(&mut self, length: usize) {
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.lines.last_mut().expect("there is always a line").code.push_str("\"\"");
        for _ in token.matches('\n') {
            self.lines.push(Line { code: "\"\"".to_owned(), ..Line::default() });
        }
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut position) = (0usize, 0);
    while position < text.len() {
        let rest = &text[position..];
        let step = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        position += step;
        if depth == 0 {
            return position;
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| text.starts_with(prefix))?;
    let hashes = text[prefix.len()..].bytes().take_while(|byte| *byte == b'#').count();
    let start = prefix.len() + hashes + 1;
    text[prefix.len() + hashes..].starts_with('"').then_some(())?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text[start..].find(&end).map_or(text.len(), |position| start + position + end.len()))
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (position, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return position + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal, or nothing for a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        characters.next()?;
        return text[3..].find('\'').map(|position| position + 4);
    }
    let (position, second) = characters.next()?;
    (second == '\'').then_some(position + 1)
}
