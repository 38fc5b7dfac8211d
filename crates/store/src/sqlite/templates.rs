//! What tickets are drawn by.

use async_trait::async_trait;
use sqlx::Row as _;

use super::SqliteStore;
use crate::shared::cells::rfc3339;
use crate::{Result, StoredTemplate, Templates};

#[async_trait]
impl Templates for SqliteStore {
    async fn keep_template(&self, hash: [u8; 32], template: &StoredTemplate) -> Result<()> {
        let mut tx = self.begin().await?;
        let sql = "INSERT INTO templates (hash, json, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        let query = sqlx::query(sql).bind(&hash[..]).bind(&template.json).bind(rfc3339(self.now()));
        if query.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(());
        }
        for (name, content) in &template.files {
            let sql = "INSERT INTO template_files (template, name, content) VALUES (?1, ?2, ?3)";
            let query = sqlx::query(sql).bind(&hash[..]).bind(name).bind(content);
            query.execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn template(&self, hash: [u8; 32]) -> Result<Option<StoredTemplate>> {
        let mut db = self.read.acquire().await?;
        let sql = "SELECT json FROM templates WHERE hash = ?1";
        let json: Option<String> = sqlx::query_scalar(sql).bind(&hash[..]).fetch_optional(&mut *db).await?;
        let Some(json) = json else { return Ok(None) };
        let sql = "SELECT name, content FROM template_files WHERE template = ?1";
        let rows = sqlx::query(sql).bind(&hash[..]).fetch_all(&mut *db).await?;
        let files = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_>>()?;
        Ok(Some(StoredTemplate { json, files }))
    }
}
