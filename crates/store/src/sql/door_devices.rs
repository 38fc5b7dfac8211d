//! Statements about the devices of doors.

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::audit::audit;
use super::rows::event_records::locked;
use super::{Db, Sql, Transaction as _};
use crate::decide::earlier;
use crate::decide::sql_values::{Row, SqlValue, need, odd};
use crate::door_devices::{CODE_LIFE, UPLOADS, end_of, end_without_dates};
use crate::{
    Action, Actor, AddedDevice, AuditEntry, DeviceContact, DeviceRecord, DeviceState, DoorDevices, NewDevice,
    Result, StoreError,
};

/// Devices with a condition of their own.
macro_rules! devices {
    ($($condition:literal),+) => {
        concat!(
            "SELECT code_sha256, token_sha256, name, event_id, gates, role, created_at, code_expires_at, enrolled_at, \
             expires_at, revoked_at, contact_at, app_version, queued, d.feed_version, clock_offset_ms \
             FROM door_devices d JOIN events ON number = event_number ",
            $($condition),+
        )
    };
}

#[async_trait]
impl<S: Sql> DoorDevices for S {
    async fn add_device(&self, device: &NewDevice, by: &Actor) -> Result<AddedDevice> {
        let NewDevice { name, event_id, gates, role, code_sha256 } = device;
        let mut tx = self.begin().await?;
        // Under its lock: a change of its dates comes before this device, or moves its end as well.
        let Some(event) = locked(&mut tx, [event_id.as_str()]).await?.pop() else {
            return Ok(AddedDevice::NoSuchEvent);
        };
        let now = tx.now().await?;
        let expires_at = end_of(&event.in_force()).unwrap_or_else(|| end_without_dates(now));
        if expires_at <= now {
            return Ok(AddedDevice::EventIsOver(expires_at));
        }
        let sql = "UPDATE door_devices SET revoked_at = code_expires_at \
                   WHERE name = $1 AND revoked_at IS NULL AND enrolled_at IS NULL AND code_expires_at <= $2";
        tx.execute(sql, &[name.into(), now.into()]).await?;
        let sql = "INSERT INTO door_devices (code_sha256, name, event_number, gates, role, created_at, \
                   code_expires_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
        let gates = serde_json::to_string(gates).map_err(|error| StoreError::Refused(error.into()))?;
        let cells = [
            code_sha256.into(),
            name.into(),
            event.number.into(),
            gates.into(),
            SqlValue::word(role),
            now.into(),
            now.checked_add(CODE_LIFE).unwrap_or(Timestamp::MAX).into(),
            expires_at.into(),
        ];
        if tx.execute(sql, &cells).await? == 0 {
            return Ok(AddedDevice::NameInUse);
        }
        audit(&mut tx, AuditEntry::new(by, Action::MakeDevice).subject(name)).await?;
        let added = tx.fetch_one(devices!("WHERE code_sha256 = $1"), &[code_sha256.into()]).await?;
        let added = record_from(&added)?;
        tx.commit().await?;
        Ok(AddedDevice::Added(Box::new(added)))
    }

    async fn enrol_device(
        &self,
        code_sha256: &[u8; 32],
        token_sha256: &[u8; 32],
    ) -> Result<Option<DeviceRecord>> {
        // Guesses must not wait for the lock of a writer.
        let sql = "SELECT name FROM door_devices WHERE code_sha256 = $1";
        if !self.read().await?.exists(sql, &[code_sha256.into()]).await? {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        let sql = "UPDATE door_devices SET token_sha256 = $2, enrolled_at = @now WHERE code_sha256 = $1 \
                   AND token_sha256 IS NULL AND revoked_at IS NULL AND code_expires_at > @now AND expires_at > @now";
        let cells = [code_sha256.into(), token_sha256.into()];
        let is_new = tx.execute(sql, &cells).await? > 0;
        let sql = devices!(
            "WHERE code_sha256 = $1 AND token_sha256 = $2 AND revoked_at IS NULL AND code_expires_at > @now \
             AND expires_at > @now"
        );
        let enrolled = tx.fetch_optional(sql, &cells).await?.as_ref().map(record_from).transpose()?;
        if let Some(device) = enrolled.as_ref().filter(|_| is_new) {
            let by = Actor::http(device.client());
            audit(&mut tx, AuditEntry::new(&by, Action::EnrolDevice).subject(&device.name)).await?;
        }
        tx.commit().await?;
        Ok(enrolled)
    }

    async fn devices(&self, event: Option<&str>) -> Result<Vec<DeviceRecord>> {
        let sql = devices!(
            "WHERE CAST($1 AS TEXT) IS NULL OR event_id = $1 ORDER BY name, created_at, code_sha256"
        );
        self.read().await?.fetch_all(sql, &[event.into()]).await?.iter().map(record_from).collect()
    }

    async fn devices_in_use(&self) -> Result<Vec<DeviceRecord>> {
        let mut db = self.read().await?;
        let cut = earlier(db.now().await?, UPLOADS.unsigned_abs());
        let sql = devices!(
            "WHERE token_sha256 IS NOT NULL AND expires_at > $1 AND (revoked_at IS NULL OR revoked_at > $1)"
        );
        db.fetch_all(sql, &[cut.into()]).await?.iter().map(record_from).collect()
    }

    async fn revoke_device(&self, name: &str, by: &Actor) -> Result<bool> {
        let sql = "UPDATE door_devices SET revoked_at = @now WHERE name = $1 AND revoked_at IS NULL";
        let mut tx = self.begin().await?;
        let revoked = tx.execute(sql, &[name.into()]).await? > 0;
        if revoked {
            audit(&mut tx, AuditEntry::new(by, Action::RevokeDevice).subject(name)).await?;
        }
        tx.commit().await?;
        Ok(revoked)
    }

    async fn note_contacts(&self, contacts: &[DeviceContact]) -> Result<()> {
        let sql = "UPDATE door_devices SET contact_at = $2, app_version = coalesce($3, app_version), \
                   queued = coalesce($4, queued), feed_version = coalesce($5, feed_version), \
                   clock_offset_ms = coalesce($6, clock_offset_ms) \
                   WHERE token_sha256 = $1 AND (contact_at IS NULL OR contact_at < $2)";
        // In one order, so that processes do not wait for each other in a circle.
        let mut contacts: Vec<_> = contacts.iter().collect();
        contacts.sort_by_key(|contact| contact.token_sha256);
        let mut tx = self.begin().await?;
        for DeviceContact { token_sha256, at, state } in contacts {
            let feed_version = state.feed_version.map(|version| i64::try_from(version).unwrap_or(i64::MAX));
            let cells = [
                token_sha256.into(),
                (*at).into(),
                state.app_version.as_ref().into(),
                state.queued.into(),
                feed_version.into(),
                state.clock_offset_ms.into(),
            ];
            tx.execute(sql, &cells).await?;
        }
        tx.commit().await
    }
}

fn record_from(row: &impl Row) -> Result<DeviceRecord> {
    let gates = need("gates", row.text("gates")?)?;
    let number = |column| row.int(column);
    Ok(DeviceRecord {
        name: need("name", row.text("name")?)?,
        event_id: need("event_id", row.text("event_id")?)?,
        gates: serde_json::from_str(&gates).map_err(|error| odd("gates", error))?,
        role: row.word("role")?,
        created_at: need("created_at", row.time("created_at")?)?,
        code_expires_at: need("code_expires_at", row.time("code_expires_at")?)?,
        enrolled_at: row.time("enrolled_at")?,
        token_sha256: row.array("token_sha256")?,
        expires_at: need("expires_at", row.time("expires_at")?)?,
        revoked_at: row.time("revoked_at")?,
        contact_at: row.time("contact_at")?,
        state: DeviceState {
            app_version: row.text("app_version")?,
            queued: number("queued")?.and_then(|queued| u32::try_from(queued).ok()),
            feed_version: number("feed_version")?.and_then(|version| u64::try_from(version).ok()),
            clock_offset_ms: number("clock_offset_ms")?,
        },
    })
}
