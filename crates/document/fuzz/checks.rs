//! What must hold for any bytes: the fuzzer looks for input on which one of these panics or does not end, and
//! `cargo test` repeats them on the input that it has found worth keeping.

use fulfillment_document::{CompiledTemplate, TemplateBundle};

/// The bytes as a template's drawing: taken or refused.
pub(crate) fn svg(data: &[u8]) {
    const JSON: &str = r#"{"format": 1, "page": {"width": 90, "height": 90}, "elements": [
        {"type": "image", "file": "logo", "x": 0, "y": 0, "width": 9, "height": 9}]}"#;
    let mut bundle = TemplateBundle::new(JSON);
    bundle.files.insert("logo".to_owned(), data.to_vec());
    if let Err(refused) = CompiledTemplate::new(&bundle) {
        assert!(refused.to_string().contains("logo"), "{refused}");
    }
}
