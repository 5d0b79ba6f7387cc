//! The demo's result, as a table.

use std::time::Duration;

use cede_transfer::units;

/// One way of doing the downloads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) files: usize,
    pub(super) bytes: u64,
    pub(super) time: Duration,
    pub(super) tasks: usize,
    /// With the main thread; `None` if the system does not tell.
    pub(super) threads: Option<usize>,
    pub(super) right: usize,
}

const HEAD: [&str; 7] = ["", "files", "bytes", "time", "tasks", "threads", "sha-256"];

/// The table's lines; `fancy` adds bold type and real rules.
pub(super) fn render(rows: &[Row], fancy: bool) -> String {
    let cells: Vec<[String; 7]> = rows.iter().map(cells).collect();
    let widths: [usize; 7] =
        std::array::from_fn(|column| cells.iter().map(|row| row[column].len()).chain([HEAD[column].len()]).max().unwrap_or(0));
    let head = line(&HEAD.map(str::to_owned), &widths);
    let rule = if fancy { "─" } else { "-" }.repeat(head.chars().count());
    let head = if fancy { format!("\x1b[1m{head}\x1b[0m") } else { head };
    let mut lines = vec![head, rule];
    lines.extend(cells.iter().map(|row| line(row, &widths)));
    lines.join("\n")
}

fn cells(row: &Row) -> [String; 7] {
    [
        row.name.to_owned(),
        row.files.to_string(),
        units::bytes(row.bytes),
        units::duration(row.time),
        row.tasks.to_string(),
        row.threads.map_or_else(|| "?".to_owned(), |threads| threads.to_string()),
        if row.right == row.files { "all right".to_owned() } else { format!("{} WRONG", row.files - row.right) },
    ]
}

/// The first column to the left, the others to the right.
fn line(cells: &[String; 7], widths: &[usize; 7]) -> String {
    let mut line = format!("{:<width$}", cells[0], width = widths[0]);
    for (cell, width) in cells.iter().zip(widths).skip(1) {
        line.push_str(&format!("  {cell:>width$}"));
    }
    line
}

#[cfg(test)]
mod tests {
    //! The table's shape.

    use std::time::Duration;

    use super::{Row, render};

    const ROW: Row = Row { name: "tasks", files: 3, bytes: 2048, time: Duration::from_millis(1500), tasks: 7, threads: Some(3), right: 3 };

    #[test]
    fn columns_line_up() {
        let text = render(&[ROW, Row { name: "a longer name", right: 1, threads: None, ..ROW }], false);
        assert_eq!(
            text,
            "               files    bytes    time  tasks  threads    sha-256\n\
             ----------------------------------------------------------------\n\
             tasks              3  2.0 KiB  1.50 s      7        3  all right\n\
             a longer name      3  2.0 KiB  1.50 s      7        ?    2 WRONG"
        );
    }

    #[test]
    fn plain_text_has_no_escapes() {
        assert!(!render(&[ROW], false).contains('\x1b'));
        assert!(render(&[ROW], true).contains("\x1b[1m"));
    }
}
