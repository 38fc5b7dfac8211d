//! Tables on a terminal.

/// Rows under their header, each column as wide as its longest cell. A column without any cell is left out.
pub(super) fn aligned<R: AsRef<[String]>>(header: &[&str], rows: &[R]) -> Vec<String> {
    let header: Vec<_> = header.iter().map(|&name| name.to_owned()).collect();
    // One line each, whatever a text contains.
    let one_line = |cell: &String| cell.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows: Vec<Vec<_>> = rows.iter().map(|row| row.as_ref().iter().map(one_line).collect()).collect();
    let used: Vec<_> = (0..header.len())
        .filter(|column| rows.iter().any(|row| row.get(*column).is_some_and(|c| !c.is_empty())))
        .collect();
    let all = || std::iter::once(&header).chain(&rows);
    let width =
        |column: usize| all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = used.iter().map(|column| width(*column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = used.iter().zip(&widths).map(|(column, width)| {
            let cell = row.get(*column).map_or("", String::as_str);
            let cell = if cell.is_empty() { "-" } else { cell };
            format!("{cell:<width$}")
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["a", "", "Zoë\n  x"]), row(["long", "", ""])];
        assert_eq!(aligned(&["N", "NONE", "NAME"], &rows), ["N     NAME", "a     Zoë x", "long  -"]);
    }
}
