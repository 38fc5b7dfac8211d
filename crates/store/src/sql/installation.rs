//! Registration of keys, secret and storage, and the numbers of events and categories.

use super::rows::audit::audit;
use super::rows::deviations::keys_changed;
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
    found.keys = keys(db).await?;
    found.revoked = signing_keys::revoked(db).await?;
    Ok(found)
}

/// Every key that ever signed, oldest first.
pub(crate) async fn keys(db: &mut impl Db) -> Result<Vec<KeyRecord>> {
    let sql = "SELECT kid, public_key, created_at FROM keys ORDER BY created_at, kid";
    let rows = db.fetch_all(sql, &[]).await?;
    let keys = rows.iter().map(|row| {
        Ok(KeyRecord {
            kid: need("kid", row.text("kid")?)?,
            public_key: need("public_key", row.array("public_key")?)?,
            created_at: need("created_at", row.time("created_at")?)?,
        })
    });
    keys.collect()
}

pub(crate) async fn register(store: &impl Sql, wanted: &Registration) -> Result<Registration> {
    // An event that is numbered meanwhile would not learn of a new key.
    let mut tx = store.begin_numbering().await?;
    let sql = "INSERT INTO installation (id, secret_fingerprint, storage_marker) VALUES (1, $1, $2) \
               ON CONFLICT (id) DO UPDATE SET \
               secret_fingerprint = coalesce(installation.secret_fingerprint, excluded.secret_fingerprint), \
               storage_marker = coalesce(installation.storage_marker, excluded.storage_marker)";
    let (fingerprint, marker) = (wanted.secret_fingerprint.as_ref().into(), wanted.storage_marker.into());
    tx.execute(sql, &[fingerprint, marker]).await?;
    // The row above is locked until the end: a concurrent registration sees the result.
    let welcome = registration(&mut tx).await?.admits(wanted);
    let mut new = 0;
    for key in wanted.keys.iter().filter(|_| welcome) {
        let sql = "INSERT INTO keys (kid, public_key, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let cells = [(&key.kid).into(), (&key.public_key).into(), key.created_at.into()];
        new += tx.execute(sql, &cells).await?;
    }
    if new > 0 {
        keys_changed(&mut tx).await?;
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
    let is_new = tx.execute(sql, &cells).await? > 0;
    let row = tx.fetch_one(known, &cells).await?;
    let number = row.number("number").map_err(|_| too_many_categories())?;
    if is_new {
        let sql = "UPDATE events SET feed_version = feed_version + 1, \
                   head_version = CASE WHEN head_version > 0 THEN feed_version + 1 ELSE 0 END \
                   WHERE event_id = $1";
        tx.execute(sql, &[event.into()]).await?;
    }
    tx.commit().await?;
    Ok(number)
}
