//! The wire format of a code: encoding and decoding. A credential has exactly one encoding, and no other is accepted.

use coset::cbor::value::Value;
use coset::cwt::{ClaimName, ClaimsSet, ClaimsSetBuilder, Timestamp};
use coset::iana::Algorithm;
use coset::{
    CborSerializable, CoseError, CoseSign1, CoseSign1Builder, HeaderBuilder, RegisteredLabelWithPrivate,
    TaggedCborSerializable,
};

use crate::{Claims, Credential, Kid, SigningKey};

/// What every code begins with: the format and its version.
pub const PREFIX: &str = "TK1:";
/// The size in bytes of the longest code that expires before the year 2106: QR version 7 at level M has room for it.
pub const SMALL_BYTES: usize = 116;
/// [`SMALL_BYTES`] as characters of the code, prefix included.
pub const SMALL_CHARS: usize = 178;
/// The maximum size of a code in bytes: QR version 9 at level Q, the print default, has room for it.
pub const MAX_BYTES: usize = 123;
/// [`MAX_BYTES`] as characters of the code, prefix included.
pub const MAX_CHARS: usize = 189;

/// The private-use claim that holds `[event, category, generation]` (RFC 8392, 9.1: below -65536).
const TICKET_CLAIM: i64 = -65537;

/// Why a credential could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The code would not fit the QR symbol that tickets leave room for.
    #[error("the code would be {0} bytes long, the QR symbol has room for {MAX_BYTES}")]
    TooLong(usize),
    /// The CBOR writer refused.
    #[error("the credential could not be encoded: {0}")]
    Encoding(String),
}

/// Why a text is not a code of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It does not begin with the prefix.
    #[error("it does not begin with {PREFIX}")]
    Prefix,
    /// It is longer than any code.
    #[error("it is longer than {MAX_CHARS} characters")]
    TooLong,
    /// What follows the prefix is not base45, or not in its only valid spelling.
    #[error("what follows {PREFIX} is not base45")]
    Base45,
    /// The bytes are not one `COSE_Sign1` with tag 18.
    #[error("it holds no COSE_Sign1 message")]
    Cose,
    /// The headers are not an Ed25519 algorithm and a key id of four bytes.
    #[error("its headers name no Ed25519 signature and key id")]
    Headers,
    /// The claims are missing or not of their types.
    #[error("its claims are not those of a ticket")]
    Claims,
    /// An Ed25519 signature has 64 bytes.
    #[error("its signature is not 64 bytes long")]
    Signature,
    /// It has other members, or its encoding is not the deterministic one.
    #[error("it has further members or is not in deterministic encoding")]
    NotCanonical,
}

/// A decoded code whose signature is not yet verified.
pub(crate) struct Unverified {
    pub(crate) credential: Credential,
    pub(crate) signature: [u8; 64],
    /// What the signature covers (`Sig_structure`, RFC 9052, 4.4).
    pub(crate) signed_bytes: Vec<u8>,
}

/// Makes the code of a ticket. The same key and claims always give the same code.
pub fn sign(key: &SigningKey, claims: &Claims) -> Result<String, SignError> {
    let encoding = |e: CoseError| SignError::Encoding(e.to_string());
    let mut message = message(Algorithm::Ed25519, key.kid(), claims).map_err(encoding)?;
    message.signature = key.sign_bytes(&message.tbs_data(&[])).to_vec();
    let bytes = message.to_tagged_vec().map_err(encoding)?;
    if bytes.len() > MAX_BYTES {
        return Err(SignError::TooLong(bytes.len()));
    }
    Ok(format!("{PREFIX}{}", base45::encode(bytes)))
}

/// Trims what scanners, shells and web pages add around a code: white space of any kind, NUL and byte order marks. A
/// code neither begins nor ends with any of them; those within it are part of it.
#[must_use]
pub fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\0' | '\u{feff}'))
}

/// Decodes a code without verifying it: for display, never for admission.
pub fn decode_unverified(code: &str) -> Result<Credential, Malformed> {
    parse(code).map(|unverified| unverified.credential)
}

pub(crate) fn parse(code: &str) -> Result<Unverified, Malformed> {
    let code = bare(code);
    let text = code.strip_prefix(PREFIX).ok_or(Malformed::Prefix)?;
    if code.len() > MAX_CHARS {
        return Err(Malformed::TooLong);
    }
    let bytes = base45::decode(text).map_err(|_| Malformed::Base45)?;
    // The last two characters can encode more than a byte, and a decoder may ignore that.
    if base45::encode(&bytes) != text {
        return Err(Malformed::Base45);
    }
    let received = CoseSign1::from_tagged_slice(&bytes).map_err(|_| Malformed::Cose)?;
    let (algorithm, kid) = headers(&received).ok_or(Malformed::Headers)?;
    let claims = received.payload.as_deref().and_then(read_claims).ok_or(Malformed::Claims)?;
    let signature = <[u8; 64]>::try_from(&received.signature[..]).map_err(|_| Malformed::Signature)?;

    // This detects whatever was ignored above (further members, longer integers, another order).
    let mut only = message(algorithm, kid, &claims).map_err(|_| Malformed::NotCanonical)?;
    let signed_bytes = only.tbs_data(&[]);
    only.signature = signature.to_vec();
    if only.to_tagged_vec().ok().as_ref() != Some(&bytes) {
        return Err(Malformed::NotCanonical);
    }
    Ok(Unverified { credential: Credential { claims, kid }, signature, signed_bytes })
}

fn message(algorithm: Algorithm, kid: Kid, claims: &Claims) -> Result<CoseSign1, CoseError> {
    let ticket = vec![claims.event.into(), claims.category.into(), claims.generation.into()];
    let payload = ClaimsSetBuilder::new()
        .expiration_time(Timestamp::WholeSeconds(claims.expires_at))
        .cwt_id(claims.cti.to_vec())
        .private_claim(TICKET_CLAIM, Value::Array(ticket))
        .build()
        .to_vec()?;
    let protected = HeaderBuilder::new().algorithm(algorithm).key_id(kid.0.to_vec()).build();
    Ok(CoseSign1Builder::new().protected(protected).payload(payload).build())
}

/// Writers sign as Ed25519 (-19, RFC 9864); readers also accept the older name of the same algorithm, `EdDSA` (-8).
fn headers(message: &CoseSign1) -> Option<(Algorithm, Kid)> {
    let header = &message.protected.header;
    let Some(RegisteredLabelWithPrivate::Assigned(algorithm @ (Algorithm::Ed25519 | Algorithm::EdDSA))) =
        header.alg
    else {
        return None;
    };
    Some((algorithm, Kid(header.key_id.as_slice().try_into().ok()?)))
}

fn read_claims(payload: &[u8]) -> Option<Claims> {
    let set = ClaimsSet::from_slice(payload).ok()?;
    let Some(Timestamp::WholeSeconds(expires_at)) = set.expiration_time else { return None };
    let cti = set.cwt_id?.try_into().ok()?;
    let [(ClaimName::PrivateUse(TICKET_CLAIM), Value::Array(ticket))] = set.rest.as_slice() else {
        return None;
    };
    let [event, category, generation] = ticket.as_slice() else { return None };
    Some(Claims {
        expires_at,
        cti,
        event: event.as_integer()?.try_into().ok()?,
        category: category.as_integer()?.try_into().ok()?,
        generation: generation.as_integer()?.try_into().ok()?,
    })
}
