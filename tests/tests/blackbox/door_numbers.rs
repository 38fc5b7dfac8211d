//! Tests of ticket numbers that are typed in at an enrolled device without a network.

use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fulfillment_credential::KeySet;
use fulfillment_door::feed::{HeldFeed, Outcome, number_tag, read};
use fulfillment_door::{Counts, Direction, History, Numbered, Origin, Presented, Rules, Scan, judge};
use fulfillment_tests::service::Service;
use serde_json::{Value, json};

use super::door_devices::{Device, EVENT, enrol, made, scene, sold};

/// What a device holds, and finds without a network.
struct Offline {
    held: HeldFeed,
    key: [u8; 32],
}

impl Offline {
    /// The verdict of a number that is typed in, as a check.
    fn verdict(&self, number: &str) -> Result<&'static str> {
        let found = self.held.parts().by_number(&number_tag(&self.key, number));
        let numbered = found
            .map(|cti| Numbered { voided: self.held.door().standing(&cti).voided, ..Numbered::default() });
        let scan = Scan {
            direction: Direction::Check,
            at: jiff::Timestamp::from_second(self.held.origin().made_at)?,
            gate: None,
            category: None,
            overridden: false,
            origin: Origin::Online,
        };
        let presented = Presented::number(numbered);
        let history = History::fold([], None);
        Ok(judge(&Rules::default(), &scan, &presented, &history, &Counts::default()).verdict.word())
    }
}

fn key_of(answer: &Value) -> Result<([u8; 32], String)> {
    let key = URL_SAFE_NO_PAD.decode(answer["numberKey"].as_str().context("a key")?)?;
    let id = answer["numberKeyId"].as_str().context("an id")?.to_owned();
    Ok((key.try_into().ok().context("32 bytes")?, id))
}

/// What the device is answered: the status and the body.
async fn ask(device: &Device<'_>, path: &str) -> Result<(u16, Vec<u8>)> {
    let request = device.service.client().get(format!("{}/events/{EVENT}/door{path}", device.service.base()));
    let answer = request.bearer_auth(&device.token).send().await?;
    Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
}

async fn keys(service: &Service) -> Result<KeySet> {
    Ok(KeySet::from_jwks(&service.get_json("/.well-known/ticket-keys.json").await?)?)
}

#[tokio::test]
async fn a_device_finds_typed_numbers_without_a_network() -> Result<()> {
    let scene = scene().await?;
    let mut service = scene.start().await?;
    let tickets = sold(&scene, &service, 3).await?;
    let number = |index: usize| tickets[index]["ticketNumber"].as_str().context("a number");

    let one_time = made(&scene, "n1", "steward", &[]).await?;
    let (status, enrolled) = enrol(&service, &one_time, "a").await?;
    assert_eq!(status, 200, "{enrolled}");
    let (key, id) = key_of(&enrolled)?;
    assert_eq!(key_of(&enrol(&service, &one_time, "a").await?.1)?, (key, id.clone()), "the same again");
    let token = enrolled["token"].as_str().context("a token")?.to_owned();
    let device = Device { service: &service, token: token.clone() };
    let asked: Value = serde_json::from_slice(&ask(&device, "/number-key").await?.1)?;
    assert_eq!(key_of(&asked)?, (key, id.clone()));
    let part = format!("/numbers?key={id}");
    // Neither the key nor the part is for a token that is not a device's, whatever it may do.
    for path in ["/number-key", part.as_str()] {
        let answer = service.get(&format!("/events/{EVENT}/door{path}")).await?;
        assert_eq!(answer.status(), 403);
        assert!(answer.text().await?.contains("door device new"));
    }

    let published = keys(&service).await?;
    let (_, snapshot) = ask(&device, "").await?;
    let mut offline = Offline { held: HeldFeed::begin(read(&snapshot, &published)?, EVENT)?, key };
    let (status, numbers) = ask(&device, &part).await?;
    assert_eq!(status, 200);
    assert_eq!(offline.held.apply(read(&numbers, &published)?)?, Outcome::Applied);
    let void = format!("/tickets/{}/void", tickets[1]["id"].as_str().context("an id")?);
    service.post(&void, json!({ "reason": "lost" }).to_string()).await?.error_for_status()?;
    let since = format!("?since={}-{}", offline.held.origin().epoch, offline.held.origin().version);
    let (_, delta) = ask(&device, &since).await?;
    assert_eq!(offline.held.apply(read(&delta, &published)?)?, Outcome::Applied);
    for (number, expected) in [
        (number(0)?, "would_admit"),
        (number(1)?, "voided"),
        (number(2)?, "would_admit"),
        ("0000000000", "unknown"),
    ] {
        assert_eq!(offline.verdict(number)?, expected, "{number}");
        let (_, said) = device.scan(json!({ "ticketNumber": number, "direction": "check" })).await?;
        assert_eq!(said["verdict"], expected, "as the service says: {said}");
    }
    service.stop(Duration::from_secs(20)).await?;

    // A restart changes nothing; another epoch has another key, which the device is made to fetch.
    let mut service = scene.start().await?;
    let device = Device { service: &service, token: token.clone() };
    assert_eq!(ask(&device, &part).await?.0, 200);
    service.stop(Duration::from_secs(20)).await?;
    let ran = scene.setup.run(&["store", "new-epoch", "--yes"]).await?;
    assert!(ran.status.success(), "{ran:?}");
    let mut service = scene.start().await?;
    let device = Device { service: &service, token };
    let (status, refused) = ask(&device, &part).await?;
    assert_eq!(status, 410);
    assert!(String::from_utf8_lossy(&refused).contains("number-key-changed"));
    let (new, id) = key_of(&serde_json::from_slice(&ask(&device, "/number-key").await?.1)?)?;
    assert_ne!(new, key);
    let (_, snapshot) = ask(&device, "").await?;
    let mut offline = Offline { held: HeldFeed::begin(read(&snapshot, &published)?, EVENT)?, key: new };
    let (_, numbers) = ask(&device, &format!("/numbers?key={id}")).await?;
    assert_eq!(offline.held.apply(read(&numbers, &published)?)?, Outcome::Applied);
    assert_eq!((offline.verdict(number(0)?)?, offline.verdict(number(1)?)?), ("would_admit", "voided"));
    service.stop(Duration::from_secs(20)).await?;
    Ok(())
}
