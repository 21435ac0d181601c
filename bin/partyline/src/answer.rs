//! What a command answers: text for people, JSON for machines, an exit code for both.

use std::io::{self, Write as _};

use serde_json::Value;

/// A command's outcome, before anybody chose how to read it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// For people.
    pub(crate) text: String,
    /// For machines.
    pub(crate) json: Value,
    /// Whether what was asked for holds; it makes the exit code.
    pub(crate) is_good: bool,
}

impl Answer {
    /// A command that did what it should.
    pub(crate) const fn new(text: String, json: Value) -> Self {
        Self { text, json, is_good: true }
    }

    /// Writes it to standard output. A reader who has gone away is no error.
    pub(crate) fn print(&self, as_json: bool) -> io::Result<()> {
        let text = if as_json { format!("{}\n", self.json) } else { self.text.clone() };
        print(&text)
    }
}

/// Writes to standard output. A reader who has gone away is no error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Rows under a header, columns as wide as their widest cell.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(header.to_vec());
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    text
}
