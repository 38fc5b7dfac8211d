//! Signs the codes of frozen tickets anew whose key was revoked before their pages were stored: nobody has those codes
//! yet, and no scanner would take them.

use fulfillment_config::CodeFormat;
use fulfillment_credential::legacy::PlatformCode;
use fulfillment_credential::{Claims, PREFIX};
use fulfillment_domain::{Failure, Ticket};
use fulfillment_store::{NewCode, step};
use tracing::info;

use super::Pipeline;
use super::code::code;
use super::freeze::expiry;
use super::in_flight::Job;
use crate::keyring::Keyring;

impl Pipeline {
    /// Replaces the codes of revoked keys in a claim, in the store first.
    pub(super) async fn sign_anew(&self, job: &mut Job) -> Result<(), Failure> {
        let keyring = self.keys.current();
        let revoked = |ticket: &&Ticket| keyring.is_revoked(&ticket.code.kid);
        let codes = job.claim.tickets.iter().filter(revoked).map(|ticket| self.new_code(ticket, &keyring));
        let codes = codes.collect::<Result<Vec<_>, _>>()?;
        if codes.is_empty() {
            return Ok(());
        }
        let written = self.store.sign_anew(job.claim.order_id, job.claim.fence, &codes).await;
        // Where the order belongs to another worker now, nothing of this one is recorded.
        if written.map_err(|error| Failure::transient(error.to_string()))? {
            step!("after-sign-anew");
            job.span.in_scope(|| info!(tickets = codes.len(), "codes of a revoked key were signed anew"));
            for NewCode { ticket, data, kid } in codes {
                if let Some(ticket) = job.claim.tickets.iter_mut().find(|known| known.id == ticket) {
                    (ticket.code.data, ticket.code.kid) = (data, kid);
                }
            }
        }
        Ok(())
    }

    fn new_code(&self, ticket: &Ticket, keyring: &Keyring) -> Result<NewCode, Failure> {
        let key = keyring.signing_key(self.clock.now()).map_err(|e| Failure::transient(format!("{e:#}")))?;
        let impossible = |why: String| Failure::permanent(format!("the code cannot be made: {why}"));
        let claims = Claims {
            expires_at: expiry(ticket.event.starts_at, ticket.event.ends_at, ticket.lifecycle.issued_at),
            cti: ticket.code.cti,
            event: ticket.event.number,
            category: ticket.seat.category_number,
            generation: u8::try_from(ticket.code.generation).map_err(|e| impossible(e.to_string()))?,
        };
        let order = (ticket.order_id, ticket.seat.label.as_str(), ticket.event.id.as_str());
        let data = code(format_of(&ticket.code.data), key, &claims, order).map_err(impossible)?;
        Ok(NewCode { ticket: ticket.id, data, kid: key.kid().to_string() })
    }
}

/// The format of a code that was made here: a ticket keeps it.
fn format_of(code: &str) -> CodeFormat {
    if code.starts_with(PREFIX) {
        CodeFormat::Tk1
    } else if PlatformCode::parse(code).is_some() {
        CodeFormat::Platform
    } else {
        CodeFormat::Pretix
    }
}
