//! Headers of a message as bytes: a JSON array of `[name, value]`, a value that is not UTF-8 as an array of its bytes.
//! The encoding is exact, and readable for people in the database.

use serde::{Deserialize, Serialize};

use crate::decide::sql_values::odd;
use crate::{Result, StoreError};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value<'a> {
    Text(std::borrow::Cow<'a, str>),
    Bytes(Vec<u8>),
}

/// Writes headers.
pub(crate) fn encode(headers: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let pairs: Vec<(&str, Value<'_>)> = headers
        .iter()
        .map(|(name, value)| {
            let value = match std::str::from_utf8(value) {
                Ok(text) => Value::Text(text.into()),
                Err(_) => Value::Bytes(value.clone()),
            };
            (name.as_str(), value)
        })
        .collect();
    serde_json::to_vec(&pairs).map_err(|e| StoreError::Refused(e.into()))
}

/// Reads them back.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let pairs: Vec<(String, Value<'_>)> = serde_json::from_slice(bytes).map_err(|e| odd("headers", e))?;
    Ok(pairs
        .into_iter()
        .map(|(name, value)| match value {
            Value::Text(text) => (name, text.into_owned().into_bytes()),
            Value::Bytes(bytes) => (name, bytes),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn headers_survive() {
        let headers = vec![
            ("a".to_owned(), b"text \"quoted\" \0".to_vec()),
            ("a".to_owned(), vec![0xff, 0x00]),
            (String::new(), vec![]),
        ];
        assert_eq!(super::decode(&super::encode(&headers).unwrap()).unwrap(), headers);
    }
}
