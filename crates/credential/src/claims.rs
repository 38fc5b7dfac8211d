//! What a code says about its ticket.

use crate::Kid;

/// A credential's identity (CWT `cti`): ten bytes that nobody can guess, kept through reissues.
pub type Cti = [u8; 10];

/// What the signature covers besides its own key id. Whoever photographs the code can read all of this,
/// so there is no name, address, order or seat in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claims {
    /// From this second of Unix time on the code is refused.
    pub expires_at: i64,
    /// Which credential this is.
    pub cti: Cti,
    /// The event's number.
    pub event: u32,
    /// The number of the ticket's category within the platform.
    pub category: u16,
    /// 0 for the first issue of the ticket, one more for each reissue.
    pub generation: u8,
}

/// Claims together with the id of the key that signed them, or that they say has signed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credential {
    /// What the code says.
    pub claims: Claims,
    /// The key it names.
    pub kid: Kid,
}
