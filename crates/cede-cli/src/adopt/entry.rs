//! A line of ours in a table of a manifest.
//!
//! It is put in and taken out as text, so that the rest stays as it was written, comments and all. Whether the text then means what it should, and nothing else has changed, is
//! what a parser says: tables can be written in forms that no line can be added to, and what looks like a table can be in a string.

use toml::{Table, Value};

/// At the end of each line that is ours; notes may follow.
const MARK: &str = "# by `cede adopt`";

/// What a line sets, and where.
pub(super) struct Entry {
    /// How the table is written, if there is none.
    pub(super) header: &'static str,
    /// The keys of the table.
    pub(super) table: &'static [&'static str],
    /// The key in it.
    pub(super) key: &'static str,
}

impl Entry {
    /// What the manifest says there, whoever has written it.
    ///
    /// # Errors
    /// If it is not TOML.
    pub(super) fn value(&self, manifest: &str) -> Result<Option<Value>, String> {
        let manifest = parse(manifest)?;
        let table = self.table.iter().try_fold(&manifest, |table, key| table.get(*key)?.as_table());
        Ok(table.and_then(|table| table.get(self.key)).cloned())
    }

    /// Our line, if it is there.
    pub(super) fn line<'a>(&self, manifest: &'a str) -> Option<&'a str> {
        manifest.lines().find(|line| self.is(line))
    }

    /// The manifest with the line, of which `note` is a part that means nothing to Cargo.
    ///
    /// # Errors
    /// If the value is there already, or the table in a form that no line can be added to.
    pub(super) fn add(&self, manifest: &str, value: &str, note: &str) -> Result<String, String> {
        let Self { header, key, .. } = self;
        let setting = format!("{key} = {value}");
        let ours = format!("{setting} {MARK}{note}");
        let end = if manifest.contains("\r\n") { "\r\n" } else { "\n" };
        let mut place = 0;
        let behind_header = manifest.split_inclusive('\n').find_map(|line| {
            place += line.len();
            self.is_header(line).then_some(place)
        });
        let new = match behind_header.map(|place| manifest.split_at(place)) {
            // One end of a line more than was there, and one less when it is taken out.
            None => format!("{manifest}{end}{header} {MARK}{end}{ours}{end}"),
            Some((before, after)) if before.ends_with('\n') => format!("{before}{ours}{end}{after}"),
            Some((before, after)) => format!("{before}{end}{ours}{after}"),
        };
        let mut wanted = parse(manifest)?;
        let is_set = self.set(&mut wanted, parse(&setting)?);
        match parse(&new) {
            Ok(new_table) if is_set && new_table == wanted => Ok(new),
            _ => Err(format!("the manifest is written in a way that does not let lines be added to {header}; add `{setting}` by hand")),
        }
    }

    /// The manifest without the line, and without its table if we had made it and nothing else is in it; `None` if it is not there.
    pub(super) fn take(&self, manifest: &str) -> Option<String> {
        let (before, ours, after) = around(manifest, |line| self.is(line))?;
        let before = if ours.ends_with('\n') { before } else { without_end(before) };
        let left = format!("{before}{after}");
        let Some((before, _, after)) = around(&left, |line| line.contains(MARK) && self.is_header(line)) else { return Some(left) };
        let is_empty = after.lines().map(code).find(|line| !line.is_empty()).is_none_or(|line| line.starts_with('['));
        if !is_empty {
            return Some(left);
        }
        let shorter = without_end(before);
        // Somebody may have taken the blank line away.
        let is_spare = after.is_empty() || shorter.is_empty() || shorter.ends_with('\n');
        Some(format!("{}{after}", if is_spare { shorter } else { before }))
    }

    /// The manifest with another value in our line, and the same notes.
    pub(super) fn change(&self, manifest: &str, value: &str) -> String {
        let changed = |line: &str| match line.split_once(MARK) {
            Some((_, notes)) if self.is(line) => format!("{} = {value} {MARK}{notes}", self.key),
            _ => line.to_owned(),
        };
        manifest.split_inclusive('\n').map(changed).collect()
    }

    /// The manifest with a further note in the line.
    pub(super) fn note(&self, manifest: &str, note: &str) -> String {
        let noted = |line: &str| {
            let ours = line.trim_end_matches(['\r', '\n']);
            if self.is(line) { format!("{ours}{note}{}", &line[ours.len()..]) } else { line.to_owned() }
        };
        manifest.split_inclusive('\n').map(noted).collect()
    }

    fn is(&self, line: &str) -> bool {
        let key = code(line).split(['=', '.', ' ']).next().unwrap_or("").trim_matches(['"', '\'']);
        line.contains(MARK) && key == self.key
    }

    fn is_header(&self, line: &str) -> bool {
        let plain = |header: &str| header.replace(['"', '\'', ' '], "");
        plain(code(line)) == plain(self.header)
    }

    /// Whether it could be set, and was not.
    fn set(&self, manifest: &mut Table, setting: Table) -> bool {
        let table = self
            .table
            .iter()
            .try_fold(manifest, |table, key| table.entry(*key).or_insert_with(|| Value::Table(Table::new())).as_table_mut());
        table.is_some_and(|table| setting.into_iter().all(|(key, value)| table.insert(key, value).is_none()))
    }
}

fn parse(manifest: &str) -> Result<Table, String> {
    manifest.parse().map_err(|error| format!("the manifest cannot be read: {error}"))
}

/// The first line of that kind, with what is before it and after it.
fn around(text: &str, is_it: impl Fn(&str) -> bool) -> Option<(&str, &str, &str)> {
    let mut start = 0;
    let line = text.split_inclusive('\n').find(|line| {
        let found = is_it(line);
        start += if found { 0 } else { line.len() };
        found
    })?;
    Some((&text[..start], line, &text[start + line.len()..]))
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split('#').next().unwrap_or("").trim()
}

fn without_end(text: &str) -> &str {
    text.strip_suffix("\r\n").or(text.strip_suffix('\n')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::Entry;

    const ENTRY: Entry = Entry { header: "[a.\"*\"]", table: &["a", "*"], key: "b" };

    #[test]
    fn what_was_put_in_is_taken_out_again_to_the_byte() {
        for text in [
            "",
            "\n",
            "[x]\ny = 1",
            "[x]\ny = 1\n",
            "[x]\ny = 1\n\n\n",
            "[x]\r\ny = 1\r\n",
            "[a]\nc = 1\n",
            "[a.d]\nc = 1\n",
            "[a.\"*\"] # theirs",
            "[a.'*']\r\nc = 1 # theirs\r\n\r\n# end",
            "[ a . \"*\" ]\nc = 1\n[x]\ny = 1\n",
        ] {
            let new = ENTRY.add(text, "false", ", was 1").unwrap();
            assert_eq!(new.contains("\r\n"), text.contains("\r\n"), "{new:?}");
            assert!(!new.contains("\r\n") || !new.replace("\r\n", "").contains('\n'), "line ends as the others: {new:?}");
            assert_eq!(ENTRY.value(&new).unwrap().and_then(|value| value.as_bool()), Some(false), "{new:?}");
            assert!(ENTRY.add(&new, "false", "").is_err(), "{new:?}");
            let changed = ENTRY.change(&new, "true");
            assert_eq!(ENTRY.value(&changed).unwrap().and_then(|value| value.as_bool()), Some(true), "{changed:?}");
            assert_eq!(ENTRY.change(&changed, "false"), new);
            let noted = ENTRY.note(&new, ", and 2");
            assert!(ENTRY.line(&noted).unwrap().ends_with(", was 1, and 2"), "{noted:?}");
            assert_eq!(ENTRY.take(&noted).unwrap(), text);
        }
    }

    #[test]
    fn what_was_put_behind_it_stays() {
        let new = ENTRY.add("[x]\ny = 1\n", "false", "").unwrap();
        for more in ["\n[z]\n", "[z]\n"] {
            assert_eq!(ENTRY.take(&format!("{new}{more}")).unwrap(), format!("[x]\ny = 1\n{more}"));
            let closer = new.replace("\n\n", "\n");
            assert_eq!(ENTRY.take(&format!("{closer}{more}")).unwrap(), format!("[x]\ny = 1\n{more}"), "no line is joined with another");
        }
        let left = ENTRY.take(&(new + "c = 2\n")).unwrap();
        assert!(left.contains("[a.\"*\"]") && left.contains("c = 2"), "{left}");
    }

    #[test]
    fn what_lines_cannot_say_is_refused() {
        for text in [
            "a = { \"*\" = { c = 1 } }\n",
            "[a]\n\"*\" = { c = 1 }\n",
            "[a]\n\"*\".c = 1\n",
            "a.\"*\".c = 1\n",
            "a = 1\n",
            "[a.\"*\"]\nb = true\n",
            "x = \"\"\"\n[a.\"*\"]\n\"\"\"\n",
            "x = ",
        ] {
            let refused = ENTRY.add(text, "false", "");
            assert!(refused.is_err(), "{refused:?}");
        }
        assert_eq!(ENTRY.take("[a.\"*\"]\nb = false\n"), None, "it is not ours");
    }
}
