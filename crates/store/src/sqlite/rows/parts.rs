//! Parts of a list of rows, each written with one statement: the driver hands every statement to another thread and
//! waits for it, which takes longer than to write a row, and all the while the only writer is held.

/// The most rows of a statement.
pub(crate) const ROWS: usize = 64;
/// The bytes of a part's rows after which the next part begins: the driver copies what it binds.
const BYTES: usize = 1 << 20;

/// The rows in parts, in order. `bytes`: the size of what can be large in a row.
pub(crate) fn parts<T>(rows: &[T], bytes: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let mut size = 0;
        let end = rest.iter().take(ROWS).take_while(|row| {
            let fits = size < BYTES;
            size += bytes(row);
            fits
        });
        let (part, others) = rest.split_at(end.count());
        rest = others;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_part() {
        let sizes = |rows: &[usize]| parts(rows, |row| *row).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&[1; 130]), [64, 64, 2]);
        assert_eq!(sizes(&[BYTES, 1, 1]), [1, 2]);
        assert_eq!(sizes(&[BYTES / 2; 5]), [2, 2, 1]);
        assert_eq!(sizes(&[1, BYTES, 1]), [2, 1]);
    }
}
