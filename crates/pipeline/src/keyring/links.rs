//! The secrets that sign links to tickets: a file of their own in the keys folder, so that one that has leaked is
//! replaced without touching ids and codes.
//!
//! ```text
//! {keys}/links    a line for each secret, newest first: 64 hexadecimal digits, or `secret` for the installation's own
//!                 secret; and, where it is not at once, from when it signs
//! ```
//!
//! Without the file the installation's secret signs links, as in earlier versions.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use fulfillment_config::Sensitive;
use fulfillment_domain::Secret;
use fulfillment_domain::links::{LinkSecret, LinkSecrets};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::files::{at, lock, random_secret, replace_private, secret_from};
use super::{Found, Keyring};

/// The file's name.
pub(super) const FILE: &str = "links";

/// Stands for the installation's secret.
const OWN: &str = "secret";

/// The secrets in the folder.
pub(super) fn read(dir: &Path, own: &Secret) -> anyhow::Result<LinkSecrets> {
    let file = dir.join(FILE);
    match fs::read_to_string(&file) {
        Ok(text) => parse(&Zeroizing::new(text), own, &file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(LinkSecrets::of(own.clone())),
        Err(error) => Err(error).with_context(|| at(&file)),
    }
}

/// The secrets that a setting names.
pub(super) fn of_setting(setting: &Sensitive, own: &Secret) -> anyhow::Result<LinkSecrets> {
    parse(setting.expose(), own, Path::new("credential.link_secrets"))
}

fn parse(text: &str, own: &Secret, origin: &Path) -> anyhow::Result<LinkSecrets> {
    let secrets = entries(text).map(|entry| {
        let (secret, from) = entry.split_once(char::is_whitespace).unwrap_or((entry, ""));
        let secret = if secret == OWN { own.clone() } else { secret_from(secret, origin)? };
        let signs_from = Some(from.trim()).filter(|from| !from.is_empty()).map(str::parse).transpose();
        let signs_from = signs_from.with_context(|| format!("{}: not a time", origin.display()))?;
        Ok(LinkSecret { secret, signs_from })
    });
    let secrets = secrets.collect::<anyhow::Result<Vec<_>>>()?;
    LinkSecrets::from_newest(secrets).with_context(|| format!("{} has no secret", origin.display()))
}

/// Entries are lines, or separated by commas.
fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', ',']).map(str::trim).filter(|entry| !entry.is_empty())
}

/// Creates a secret that signs links from `signs_from` on; the former ones are still accepted. `None` for an empty
/// folder.
pub fn new_link_secret(
    dir: &Path,
    secret: Option<&Sensitive>,
    signs_from: Timestamp,
) -> anyhow::Result<Option<LinkSecrets>> {
    let _lock = lock(dir)?;
    let Found::Whole(keyring) = Keyring::look(dir, secret)? else { return Ok(None) };
    let before = Zeroizing::new(fs::read_to_string(dir.join(FILE)).unwrap_or_else(|_| OWN.to_owned()));
    let mut text = Zeroizing::new(format!("{} {signs_from}\n", *random_secret()));
    for entry in entries(&before) {
        text.push_str(entry);
        text.push('\n');
    }
    write(dir, &text, &keyring.secret).map(Some)
}

/// Ends the overlap: only the newest secret is accepted from now on. Answers how many are not any more.
///
/// # Errors
/// The newest does not sign yet.
pub fn end_link_overlap(
    dir: &Path,
    secret: Option<&Sensitive>,
    now: Timestamp,
) -> anyhow::Result<Option<usize>> {
    let _lock = lock(dir)?;
    let Found::Whole(keyring) = Keyring::look(dir, secret)? else { return Ok(None) };
    let newest = keyring.links.iter().next();
    if let Some(from) = newest.and_then(|newest| newest.signs_from).filter(|from| *from > now) {
        bail!("the newest secret signs from {from}; end the overlap after that");
    }
    let former = keyring.links.iter().count().saturating_sub(1);
    if former > 0 {
        let file = dir.join(FILE);
        let text = Zeroizing::new(fs::read_to_string(&file).with_context(|| at(&file))?);
        write(dir, entries(&text).next().unwrap_or_default(), &keyring.secret)?;
    }
    Ok(Some(former))
}

/// What is written was read before.
fn write(dir: &Path, text: &str, own: &Secret) -> anyhow::Result<LinkSecrets> {
    let file = dir.join(FILE);
    let secrets = parse(text, own, &file)?;
    replace_private(&file, text.as_bytes())?;
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use fulfillment_domain::TicketId;
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_former_secret_is_accepted_until_the_overlap_ends() {
        let dir = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-11-22T18:30:00Z".parse().unwrap();
        assert!(new_link_secret(dir.path(), None, now).unwrap().is_none(), "there are no keys");
        let made = Keyring::create(dir.path(), None, now).unwrap();
        // As an earlier version left it: the installation's secret signs.
        fs::remove_file(dir.path().join(FILE)).unwrap();
        let id = TicketId(uuid::Uuid::from_u128(7));
        let old = made.secret.link_signature(id, 0);
        let links = || Keyring::read(dir.path(), None).unwrap().unwrap().links;
        assert_eq!(links().sign(id, 0, now), old);
        let later = now + SignedDuration::from_secs(10);
        new_link_secret(dir.path(), None, later).unwrap().unwrap();
        assert_eq!(links().sign(id, 0, now), old, "every process has to know the new one first");
        assert!(end_link_overlap(dir.path(), None, now).is_err());
        let new = links().sign(id, 0, later);
        assert!(new != old && links().accept(id, 0, &old) && links().accept(id, 0, &new));
        assert_eq!(end_link_overlap(dir.path(), None, later).unwrap(), Some(1));
        assert_eq!(end_link_overlap(dir.path(), None, later).unwrap(), Some(0), "a repeat changes nothing");
        assert!(!links().accept(id, 0, &old) && links().accept(id, 0, &new));
    }

    #[test]
    fn a_new_installation_has_a_secret_of_its_own_for_links() {
        let dir = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-11-22T18:30:00Z".parse().unwrap();
        let made = Keyring::create(dir.path(), None, now).unwrap();
        assert_ne!(made.links.signing(now).fingerprint(), made.secret.fingerprint());
        for bad in ["", "secrets", "abc", &"g".repeat(64), "secret tomorrow"] {
            let said = of_setting(&Sensitive::from(bad.to_owned()), &made.secret).unwrap_err();
            assert!(said.to_string().contains("credential.link_secrets"), "{said}");
        }
        let two = format!("{}, secret", "ab".repeat(32));
        assert_eq!(of_setting(&Sensitive::from(two), &made.secret).unwrap().iter().count(), 2);
    }
}
