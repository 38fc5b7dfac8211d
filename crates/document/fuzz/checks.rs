//! Properties that must hold for any bytes: the fuzzer searches for input on which one of these panics or does not end,
//! and `cargo test` repeats them on the corpus that the fuzzer kept.

use fulfillment_document::{CompiledTemplate, TemplateBundle};

/// Reads the bytes as a template's SVG drawing: accepted or refused.
pub(crate) fn svg(data: &[u8]) {
    const JSON: &str = r#"{"format": 1, "page": {"width": 90, "height": 90}, "elements": [
        {"type": "image", "file": "logo", "x": 0, "y": 0, "width": 9, "height": 9}]}"#;
    let mut bundle = TemplateBundle::new(JSON);
    bundle.files.insert("logo".to_owned(), data.to_vec());
    if let Err(refused) = CompiledTemplate::new(&bundle) {
        assert!(refused.to_string().contains("logo"), "{refused}");
    }
}
