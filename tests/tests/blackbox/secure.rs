//! Tests of Kafka with TLS and a password or a client certificate: the same flow, and refusal with wrong credentials.

use anyhow::{Context as _, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Service;
use fulfillment_tests::wait::eventually;

/// The embedded store, and Kafka by its TLS listener with a password.
async fn scene() -> Result<Scene> {
    let secure = rig::kafka_secure()?;
    Ok(by(secure.brokers, "sasl_ssl")
        .await?
        .set("FULFILLMENT_KAFKA_SASL_USERNAME", secure.user)
        .set("FULFILLMENT_KAFKA_SASL_PASSWORD", secure.password))
}

/// The same by the listener for client certificates, without one.
async fn mutual() -> Result<Scene> {
    by(rig::kafka_secure()?.mutual, "ssl").await
}

/// Kafka by one of its TLS listeners.
async fn by(door: String, protocol: &str) -> Result<Scene> {
    let scene = Scene::embedded().await?.with_kafka().await?;
    Ok(scene
        .set("FULFILLMENT_KAFKA_BROKERS", door)
        .set("FULFILLMENT_KAFKA_SECURITY_PROTOCOL", protocol)
        .set("FULFILLMENT_KAFKA_SSL_CA", rig::kafka_secure()?.ca))
}

/// Pays once over Kafka and waits for the ticket.
async fn issues(scene: &Scene) -> Result<()> {
    let service = scene.start().await?;
    let payment = Payment::of(rig::id());
    scene.ordering.answer(payment.order_id, [Answer::Json(one_seat(payment.order_id))]);
    scene.wire()?.pay(&payment).await?;
    scene.wire()?.issued(1).await?;
    scene.settled(&service).await
}

/// Waits until readiness reports a reason that contains this text.
async fn refused(service: &Service, reason: &str) -> Result<()> {
    eventually(PATIENCE, reason, async || {
        // It may not be listening yet.
        let Ok(response) = service.get("/health/ready").await else { return Ok(None) };
        let health: serde_json::Value = response.json().await?;
        let known = health["parts"].as_object().is_some_and(|parts| {
            parts.values().any(|part| part["reason"].as_str().is_some_and(|why| why.contains(reason)))
        });
        Ok(known.then_some(()))
    })
    .await
}

#[tokio::test]
async fn tickets_are_issued_over_tls_with_a_password() -> Result<()> {
    for mechanism in ["SCRAM-SHA-512", "PLAIN"] {
        issues(&scene().await?.set("FULFILLMENT_KAFKA_SASL_MECHANISM", mechanism))
            .await
            .context(mechanism)?;
    }
    Ok(())
}

#[tokio::test]
async fn tickets_are_issued_over_tls_with_a_certificate() -> Result<()> {
    let secure = rig::kafka_secure()?;
    let scene = mutual()
        .await?
        .set("FULFILLMENT_KAFKA_SSL_CERTIFICATE", secure.certificate)
        .set("FULFILLMENT_KAFKA_SSL_KEY", secure.key)
        .set("FULFILLMENT_KAFKA_SSL_KEY_PASSWORD", secure.password);
    issues(&scene).await
}

#[tokio::test]
async fn a_missing_certificate_is_named() -> Result<()> {
    let scene = mutual().await?;
    let service = scene.setup.launch()?;
    refused(&service, "certificate").await
}

#[tokio::test]
async fn a_wrong_password_is_named() -> Result<()> {
    for mechanism in ["SCRAM-SHA-512", "PLAIN"] {
        let scene = scene().await?.set("FULFILLMENT_KAFKA_SASL_MECHANISM", mechanism);
        let scene = scene.set("FULFILLMENT_KAFKA_SASL_PASSWORD", "not this one");
        let service = scene.setup.launch()?;
        refused(&service, "uthentication").await.context(mechanism)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_broker_that_nobody_vouches_for_is_not_spoken_to() -> Result<()> {
    // The system's certificate authorities have not signed the broker's certificate.
    let scene = scene().await?.set("FULFILLMENT_KAFKA_SSL_CA", "");
    let service = scene.setup.launch()?;
    refused(&service, "certificate").await
}
