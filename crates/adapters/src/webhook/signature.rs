//! The signature of Standard Webhooks (specification 1.0, symmetric): HMAC-SHA256 over
//! `{id}.{timestamp}.{body}`, in base64 after `v1,`.
//!
//! Implemented here: it is one MAC, and its crate would add a second HTTP header type for it.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use fulfillment_config::Sensitive;

/// Signs for one receiver.
pub(super) struct Signer(Hmac<Sha256>);

impl Signer {
    /// `secret` is `whsec_` and base64.
    pub(super) fn new(secret: &Sensitive) -> anyhow::Result<Self> {
        let encoded = secret.expose().strip_prefix("whsec_").unwrap_or(secret.expose());
        let key = zeroize::Zeroizing::new(
            STANDARD.decode(encoded).context("the secret is not base64 after whsec_")?,
        );
        Ok(Self(Hmac::new_from_slice(&key).context("the secret cannot be a key")?))
    }

    /// The header `webhook-signature`; `timestamp` is in seconds since 1970.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::testing::config;

    #[test]
    fn signs_the_published_example() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let config =
            config(&[("FULFILLMENT_WEBHOOK_URL", "http://a"), ("FULFILLMENT_WEBHOOK_SECRET", secret)]);
        let signer = Signer::new(&config.webhooks[0].secret).unwrap();
        assert_eq!(
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
