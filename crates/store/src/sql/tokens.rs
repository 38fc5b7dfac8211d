//! Statements about the tokens of the HTTP API.

use async_trait::async_trait;

use super::rows::audit::audit;
use super::{Db as _, Sql, Transaction as _};
use crate::decide::sql_values::{Row, SqlValue, need};
use crate::{Action, Actor, AuditEntry, NewToken, Result, TokenRecord, Tokens, TokensInUse};

#[async_trait]
impl<S: Sql> Tokens for S {
    async fn add_token(&self, token: &NewToken, by: &Actor) -> Result<bool> {
        let mut tx = self.begin().await?;
        // An expired token gives its name to the next one.
        let sql = "UPDATE api_tokens SET revoked_at = expires_at \
                   WHERE name = $1 AND revoked_at IS NULL AND expires_at <= @now";
        tx.execute(sql, &[(&token.name).into()]).await?;
        let sql = "INSERT INTO api_tokens (sha256, name, scopes, created_at, expires_at) \
                   VALUES ($1, $2, $3, @now, $4) ON CONFLICT DO NOTHING";
        let scopes = SqlValue::from(token.scopes.join(","));
        let cells = [(&token.sha256).into(), (&token.name).into(), scopes, token.expires_at.into()];
        if tx.execute(sql, &cells).await? == 0 {
            return Ok(false);
        }
        audit(&mut tx, AuditEntry::new(by, Action::MakeToken).subject(&token.name)).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        let mut db = self.read().await?;
        let sql = "SELECT sha256, name, scopes, created_at, expires_at, revoked_at FROM api_tokens \
                   ORDER BY name, created_at, sha256";
        db.fetch_all(sql, &[]).await?.iter().map(record_from).collect()
    }

    async fn tokens_in_use(&self) -> Result<TokensInUse> {
        let mut db = self.read().await?;
        let sql = "SELECT sha256, name, scopes, created_at, expires_at, revoked_at FROM api_tokens \
                   WHERE revoked_at IS NULL ORDER BY name";
        let rows = db.fetch_all(sql, &[]).await?;
        let tokens: Vec<_> = rows.iter().map(record_from).collect::<Result<_>>()?;
        let any = !tokens.is_empty() || db.exists("SELECT name FROM api_tokens LIMIT 1", &[]).await?;
        Ok(TokensInUse { tokens, any })
    }

    async fn revoke_token(&self, name: &str, by: &Actor) -> Result<bool> {
        let sql = "UPDATE api_tokens SET revoked_at = @now WHERE name = $1 AND revoked_at IS NULL";
        let mut tx = self.begin().await?;
        let revoked = tx.execute(sql, &[name.into()]).await? > 0;
        if revoked {
            audit(&mut tx, AuditEntry::new(by, Action::RevokeToken).subject(name)).await?;
        }
        tx.commit().await?;
        Ok(revoked)
    }
}

fn record_from(row: &impl Row) -> Result<TokenRecord> {
    let scopes = need("scopes", row.text("scopes")?)?;
    Ok(TokenRecord {
        sha256: need("sha256", row.array("sha256")?)?,
        name: need("name", row.text("name")?)?,
        scopes: scopes.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        created_at: need("created_at", row.time("created_at")?)?,
        expires_at: row.time("expires_at")?,
        revoked_at: row.time("revoked_at")?,
    })
}
