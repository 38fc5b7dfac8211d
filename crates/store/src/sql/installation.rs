//! Registration of keys, secret and storage, and the numbers of events and categories.

use super::rows::audit::audit;
use super::{Db, Sql, Transaction as _, signing_keys};
use crate::decide::sql_values::{Row as _, need};
use crate::decide::too_many_categories;
use crate::{Action, Actor, AuditEntry, KeyRecord, Registration, Result};
use uuid::Uuid;

pub(crate) async fn ping(store: &impl Sql) -> Result<()> {
    store.read().await?.exists("SELECT 1", &[]).await?;
    Ok(())
}

pub(crate) async fn registration(db: &mut impl Db) -> Result<Registration> {
    let mut found = Registration::default();
    let sql = "SELECT secret_fingerprint, storage_marker FROM installation WHERE id = 1";
    if let Some(row) = db.fetch_optional(sql, &[]).await? {
        found.secret_fingerprint = row.text("secret_fingerprint")?;
        found.storage_marker = row.uuid("storage_marker")?;
    }
    let sql = "SELECT kid, public_key, created_at FROM keys ORDER BY created_at, kid";
    for row in db.fetch_all(sql, &[]).await? {
        found.keys.push(KeyRecord {
            kid: need("kid", row.text("kid")?)?,
            public_key: need("public_key", row.array("public_key")?)?,
            created_at: need("created_at", row.time("created_at")?)?,
        });
    }
    found.revoked = signing_keys::revoked(db).await?;
    Ok(found)
}

pub(crate) async fn register(store: &impl Sql, wanted: &Registration) -> Result<Registration> {
    let mut tx = store.begin().await?;
    let sql = "INSERT INTO installation (id, secret_fingerprint, storage_marker) VALUES (1, $1, $2) \
               ON CONFLICT (id) DO UPDATE SET \
               secret_fingerprint = coalesce(installation.secret_fingerprint, excluded.secret_fingerprint), \
               storage_marker = coalesce(installation.storage_marker, excluded.storage_marker)";
    let (fingerprint, marker) = (wanted.secret_fingerprint.as_ref().into(), wanted.storage_marker.into());
    tx.execute(sql, &[fingerprint, marker]).await?;
    // The row above is locked until the end: a concurrent registration sees the result.
    let welcome = registration(&mut tx).await?.admits(wanted);
    for key in wanted.keys.iter().filter(|_| welcome) {
        let sql = "INSERT INTO keys (kid, public_key, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let cells = [(&key.kid).into(), (&key.public_key).into(), key.created_at.into()];
        tx.execute(sql, &cells).await?;
    }
    let stands = registration(&mut tx).await?;
    tx.commit().await?;
    Ok(stands)
}

pub(crate) async fn adopt_secret(store: &impl Sql, fingerprint: &str, by: &Actor) -> Result<()> {
    let sql = "INSERT INTO installation (id, secret_fingerprint) VALUES (1, $1) \
               ON CONFLICT (id) DO UPDATE SET secret_fingerprint = excluded.secret_fingerprint";
    let mut tx = store.begin().await?;
    tx.execute(sql, &[fingerprint.into()]).await?;
    // Its hashes belong to the old secret: it is filled again.
    tx.execute("DELETE FROM people", &[]).await?;
    let sql = "UPDATE people_backfill SET orders_after = $1, letters_after = 0 WHERE id = 1";
    tx.execute(sql, &[Uuid::nil().into()]).await?;
    audit(&mut tx, AuditEntry::new(by, Action::AdoptSecret)).await?;
    tx.commit().await
}

pub(crate) async fn event_number(store: &impl Sql, event: &str) -> Result<u32> {
    let known = "SELECT number FROM events WHERE event_id = $1";
    let row = store.read().await?.fetch_optional(known, &[event.into()]).await?;
    if let Some(row) = row {
        return row.number("number");
    }
    let mut tx = store.begin_numbering().await?;
    let sql = "INSERT INTO events (event_id, number) \
               SELECT $1, coalesce(max(number), 0) + 1 FROM events WHERE TRUE ON CONFLICT DO NOTHING";
    tx.execute(sql, &[event.into()]).await?;
    let number = tx.fetch_one(known, &[event.into()]).await?.number("number")?;
    tx.commit().await?;
    Ok(number)
}

pub(crate) async fn category_number(store: &impl Sql, event: &str, category: &str) -> Result<u16> {
    let known = "SELECT number FROM categories WHERE event_id = $1 AND category = $2";
    let cells = [event.into(), category.into()];
    let row = store.read().await?.fetch_optional(known, &cells).await?;
    if let Some(row) = row {
        return row.number("number");
    }
    let mut tx = store.begin_numbering().await?;
    let sql = "INSERT INTO categories (event_id, category, number) \
               SELECT $1, $2, coalesce(max(number), 0) + 1 FROM categories WHERE event_id = $1 \
               ON CONFLICT DO NOTHING";
    tx.execute(sql, &cells).await?;
    let row = tx.fetch_one(known, &cells).await?;
    let number = row.number("number").map_err(|_| too_many_categories())?;
    tx.commit().await?;
    Ok(number)
}
