//! Claims: what a code says about its ticket.

use crate::Kid;

/// A credential's identity (CWT `cti`): ten unguessable bytes, the same in every reissue.
pub type Cti = [u8; 10];

/// What the signature covers besides its own key id. Anyone who photographs the code can read all of this, so it has no
/// name, address, order or seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claims {
    /// The code is refused from this second of Unix time on.
    pub expires_at: i64,
    /// The credential's identity.
    pub cti: Cti,
    /// The event's number.
    pub event: u32,
    /// The number of the ticket's category within the platform.
    pub category: u16,
    /// 0 for the first issue of the ticket, increased by one with each reissue.
    pub generation: u8,
}

/// Claims together with the id of the key that signed them, or, if not verified, that they name as the signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credential {
    /// The code's claims.
    pub claims: Claims,
    /// The key it names.
    pub kid: Kid,
}
