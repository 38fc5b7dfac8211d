//! Routes for operators and monitoring: health, metrics, the public keys, the documentation.

pub(crate) mod audit;
pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod metrics;
pub(crate) mod readiness;
pub(crate) mod status;
