//! Columns of text.

use super::plain::plain;

/// Lines of aligned columns under their headings; the last column is not padded.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> =
        rows.iter().map(|row| row.each_ref().map(|cell| plain(cell).replace('\n', " "))).collect();
    let headings = headings.map(str::to_owned);
    let mut widths = [0; N];
    for row in std::iter::once(&headings).chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let lines: Vec<_> = std::iter::once(&headings).chain(&rows).map(line).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [["far:1", "3 bytes"], ["far:65543", "a\nb"]].map(|row| row.map(str::to_owned));
        insta::assert_snapshot!(table(["REF", "SIZE"], &rows), @r"
        REF        SIZE
        far:1      3 bytes
        far:65543  a b
        ");
    }
}
