//! Tables and numbers for a terminal.

use crate::{
    commands::control::shown,
    output::colors::{BOLD, Paint},
};

/// Lines of cells; the first line has the names of the columns.
#[derive(Debug)]
pub(super) struct Table {
    /// The columns from the first on that have text, which begins at their left; the others have numbers.
    text_columns: usize,
    lines: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new<const N: usize>(text_columns: usize, names: [&str; N]) -> Self {
        Self { text_columns, lines: vec![names.map(str::to_owned).to_vec()] }
    }

    pub(super) fn add<const N: usize>(&mut self, cells: [String; N]) {
        self.lines.push(cells.map(|cell| shown(&cell)).to_vec());
    }

    pub(super) fn lines(&self, columns: usize, paint: Paint) -> Vec<String> {
        let count = self.lines.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..count).map(width).collect();
        let cell = |(column, (text, width)): (usize, (&String, &usize))| {
            if column < self.text_columns { format!("{text:width$}") } else { format!("{text:>width$}") }
        };
        let line = |cells: &Vec<String>| {
            let cells: Vec<String> = cells.iter().zip(&widths).enumerate().map(cell).collect();
            cut(cells.join("  ").trim_end(), columns)
        };
        let mut lines: Vec<String> = self.lines.iter().map(line).collect();
        if let Some(first) = lines.first_mut() {
            *first = paint.with(BOLD, first);
        }
        lines
    }
}

/// The front of a line, as wide as the terminal.
pub(super) fn cut(line: &str, columns: usize) -> String {
    match line.char_indices().nth(columns) {
        None => line.to_owned(),
        Some(_) => line.chars().take(columns.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A whole number with a mark between thousands.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut marked = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            marked.push(',');
        }
        marked.push(digit);
    }
    marked
}

/// A rate a second; below ten with a decimal.
pub(super) fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) if rate > 0.0 && rate < 9.95 => format!("{rate:.1}"),
        // A rate of a log fits.
        Some(rate) => number(rate.round() as u64),
    }
}

/// A number of bytes, in the unit that fits.
pub(super) fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{value:.0} {name}") } else { format!("{value:.1} {name}") }
}

/// A time in the unit that fits.
pub(super) fn time(nanos: u64) -> String {
    let nanos_f = nanos as f64;
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{:.1} µs", nanos_f / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", nanos_f / 1e6),
        _ => format!("{:.2} s", nanos_f / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_rates_and_times_are_shown_in_the_form_that_fits() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [None, Some(0.0), Some(0.25), Some(9.96), Some(12_345.4)].map(rate),
            ["-", "0", "0.2", "10", "12,345"]
        );
        assert_eq!([0.0, 1023.0, 1536.0, 3.5e9].map(bytes), ["0 B", "1023 B", "1.5 KiB", "3.3 GiB"]);
        assert_eq!([7, 1_500, 2_000_000, 3_000_000_000].map(time), ["7 ns", "1.5 µs", "2.0 ms", "3.00 s"]);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_as_the_terminal() {
        let mut table = Table::new(1, ["SINK", "EVENTS"]);
        table.add(["file".to_owned(), "1,234,567".to_owned()]);
        table.add(["a\x1b[31m".to_owned(), "5".to_owned()]);
        let paint = Paint::new(false);
        assert_eq!(
            table.lines(80, paint),
            ["SINK            EVENTS", "file         1,234,567", "a\\u{1b}[31m          5"]
        );
        assert_eq!(table.lines(10, paint)[1], "file     …");
    }
}
