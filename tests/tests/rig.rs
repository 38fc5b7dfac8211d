//! Tests of the rig itself, so that its failures are distinguished from those of the service.

use std::time::Duration;

use fulfillment_tests::kafka::Kafka;
use fulfillment_tests::payment::Payment;
use fulfillment_tests::postgres::Database;
use fulfillment_tests::rig;

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn kafka_keeps_keys_headers_and_values() -> anyhow::Result<()> {
    let kafka = Kafka::connect()?;
    let topic = kafka.topic("payment-succeeded", 3).await?;
    assert!(kafka.all(&topic).await?.is_empty());
    let payment = Payment::of(rig::id());
    let (partition, offset) = kafka.pay(&topic, &payment).await?;
    kafka.send(&topic, None, &[("ce_type", "paid"), ("ce_id", "1")], Some(b"no json")).await?;
    kafka.send(&topic, Some("gone"), &[], None).await?;

    let messages = kafka.read(&topic, LIMIT, |seen| seen.len() == 3).await?;
    let paid = messages.iter().find(|message| message.key == Some(payment.order_id.to_string())).unwrap();
    assert_eq!((paid.partition, paid.offset), (partition, offset));
    assert_eq!(paid.json()?["paymentId"], payment.payment_id.to_string());
    let other = messages.iter().find(|message| message.key.is_none()).unwrap();
    assert_eq!(other.header("ce_type").as_deref(), Some("paid"));
    assert!(other.json().is_err());
    assert!(messages.iter().any(|message| message.value.is_none()));
    assert_eq!(kafka.all(&topic).await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn kafka_says_what_a_group_has_committed_and_forgets_on_demand() -> anyhow::Result<()> {
    let kafka = Kafka::connect()?;
    let topic = kafka.topic("expiring", 1).await?;
    for _ in 0..4 {
        kafka.pay(&topic, &Payment::of(rig::id())).await?;
    }
    assert!(kafka.committed(&rig::unique("nobody"), &topic).await?.is_empty());
    kafka.drop_before(&topic, 0, 3).await?;
    assert_eq!(kafka.ends(&topic).await?[&0], (3, 4));
    assert_eq!(kafka.all(&topic).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn reading_in_vain_ends_with_an_error() -> anyhow::Result<()> {
    let kafka = Kafka::connect()?;
    let topic = kafka.topic("empty", 1).await?;
    let error = kafka.read(&topic, Duration::from_millis(300), |seen| !seen.is_empty()).await.unwrap_err();
    assert!(error.to_string().contains("0 messages"), "{error}");
    Ok(())
}

#[tokio::test]
async fn databases_are_strangers_to_each_other() -> anyhow::Result<()> {
    let (one, other) = (Database::create().await?, Database::create().await?);
    one.execute(
        "CREATE TABLE ticket (id int, price numeric); INSERT INTO ticket VALUES (1, 59.50), (2, NULL)",
    )
    .await?;
    assert_eq!(one.number("SELECT count(*) FROM ticket").await?, 2);
    let rows = one.rows("SELECT id, price::text FROM ticket ORDER BY id").await?;
    assert_eq!(rows[0]["price"], "59.50");
    assert!(rows[1]["price"].is_null());
    assert!(other.number("SELECT count(*) FROM ticket").await.is_err());
    Ok(())
}

#[tokio::test]
async fn the_object_stores_answer() -> anyhow::Result<()> {
    for store in [rig::s3()?, rig::azurite()?] {
        let (_, endpoint) = store.env.iter().find(|(name, _)| name.contains("ENDPOINT")).unwrap();
        // Without credentials: it is enough that a server answers with a refusal.
        let status = reqwest::get(endpoint).await?.status();
        assert!(status.is_client_error(), "{endpoint} answered {status}");
    }
    Ok(())
}
