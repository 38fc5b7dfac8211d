//! Tests that the reader, which checks the encoder's output, shares no code with it.

use std::path::Path;

#[test]
fn neither_half_uses_the_other() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (half, other) in [("encoder", "reader"), ("reader", "encoder")] {
        for entry in std::fs::read_dir(source.join(half)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            for way in [format!("{other}::"), "crate::".to_owned(), "super::super".to_owned()] {
                assert!(!text.contains(&way), "{way} in {}", path.display());
            }
        }
    }
}
