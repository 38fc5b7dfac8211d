//! Documents, signed.

use fulfillment_credential::{SigningKey, sign_message};

use super::keys::TYPE;
use super::{Document, MAX_BYTES, ReadError, read, write};

/// Signs a document. The same key and document always give the same bytes.
///
/// What was made is read again, so that everything that a reader would refuse is an error here: lists that are not
/// sorted, and what is beyond the limits.
pub fn sign(key: &SigningKey, document: &Document) -> Result<Vec<u8>, ReadError> {
    let payload = write::payload(document);
    if read::payload(&payload)? != *document {
        return Err(ReadError::Content("it is read as another document"));
    }
    let message = sign_message(key, TYPE, &payload);
    if message.len() > MAX_BYTES { Err(ReadError::TooLarge) } else { Ok(message) }
}
