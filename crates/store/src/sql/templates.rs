//! Statements for stored templates.

use async_trait::async_trait;

use super::{Db as _, Sql, Transaction as _};
use crate::decide::sql_values::{Row, need};
use crate::{Result, StoredTemplate, Templates};

#[async_trait]
impl<S: Sql> Templates for S {
    async fn keep_template(&self, hash: [u8; 32], template: &StoredTemplate) -> Result<()> {
        let mut tx = self.begin().await?;
        let sql =
            "INSERT INTO templates (hash, json, created_at) VALUES ($1, $2, @now) ON CONFLICT DO NOTHING";
        if tx.execute(sql, &[(&hash).into(), (&template.json).into()]).await? == 0 {
            return Ok(());
        }
        for (name, content) in &template.files {
            let sql = "INSERT INTO template_files (template, name, content) VALUES ($1, $2, $3)";
            tx.execute(sql, &[(&hash).into(), name.into(), content.into()]).await?;
        }
        tx.commit().await
    }

    async fn template(&self, hash: [u8; 32]) -> Result<Option<StoredTemplate>> {
        let mut db = self.read().await?;
        let sql = "SELECT json FROM templates WHERE hash = $1";
        let Some(row) = db.fetch_optional(sql, &[(&hash).into()]).await? else { return Ok(None) };
        let json = need("json", row.text("json")?)?;
        let sql = "SELECT name, content FROM template_files WHERE template = $1";
        let rows = db.fetch_all(sql, &[(&hash).into()]).await?;
        Ok(Some(StoredTemplate { json, files: rows.iter().map(file_from).collect::<Result<_>>()? }))
    }
}

fn file_from(row: &impl Row) -> Result<(String, Vec<u8>)> {
    Ok((need("name", row.text("name")?)?, need("content", row.bytes("content")?)?))
}
