//! Conformance of stored templates.

use super::Backend;
use crate::StoredTemplate;

fn template(json: &str) -> StoredTemplate {
    let files = [("logo.png".to_owned(), vec![0, 1, 255]), ("ground.pdf".to_owned(), Vec::new())];
    StoredTemplate { json: json.into(), files: files.into() }
}

pub async fn kept_for_good(backend: &dyn Backend) {
    let store = backend.store();
    let first = template("{\"name\": \"Gala – 祭\"}");
    store.keep_template([7; 32], &first).await.unwrap();
    store.keep_template([7; 32], &template("{}")).await.unwrap();
    store.keep_template([8; 32], &StoredTemplate { json: "{}".into(), ..Default::default() }).await.unwrap();
    let again = backend.another().await;
    assert_eq!(again.template([7; 32]).await.unwrap(), Some(first));
    assert!(again.template([8; 32]).await.unwrap().unwrap().files.is_empty());
}

pub async fn unknown(backend: &dyn Backend) {
    assert_eq!(backend.store().template([9; 32]).await.unwrap(), None);
}
