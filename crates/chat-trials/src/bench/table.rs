//! A table of text with aligned columns, and the format of numbers.

use std::fmt::{self, Display, Formatter};

const GAP: &str = "  ";

/// A table; its first row names the columns.
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(columns: [&str; N]) -> Self {
        Self { rows: vec![columns.map(str::to_owned)] }
    }

    pub(super) fn add(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    fn widths(&self) -> [usize; N] {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        widths
    }
}

impl<const N: usize> Display for Table<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (number, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(f, "{}", cells.join(GAP).trim_end())?;
            if number == 0 {
                let rules = widths.map(|width| "-".repeat(width));
                writeln!(f, "{}", rules.join(GAP))?;
            }
        }
        Ok(())
    }
}

/// Formats a number with at least three significant digits and with thousands separators.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size < 10.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    if size < 100.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let whole = format!("{size:.0}");
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let mut table = Table::new(["name", "x", "last"]);
        table.add(["a".into(), "1,000".into(), "é".into()]);
        table.add(["longer".into(), "2".into(), "c".into()]);
        let expected = "\
name    x      last
------  -----  ----
a       1,000  é
longer  2      c
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn numbers_keep_three_digits_and_have_thousands_separators() {
        let texts = [0.0, 0.126, 9.99, 12.34, 99.96, 123.4, 999.6, 1000.0, 1_234_567.8, 64.0, -1234.0, -0.5];
        let texts = texts.map(number);
        assert_eq!(
            texts,
            [
                "0",
                "0.13",
                "9.99",
                "12.3",
                "100.0",
                "123",
                "1,000",
                "1,000",
                "1,234,568",
                "64",
                "-1,234",
                "-0.50"
            ]
        );
    }
}
