//! Answers compressed with gzip, for clients that accept it (RFC 9110, 12.5.3).

use std::io::Write as _;

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderName};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Less than this fits into one packet as it is.
const SMALLEST: usize = 1 << 10;

/// More than this is compressed beside the other requests.
const LARGE: usize = 64 << 10;

/// What a compressed body is sent with.
type Encoding = [(HeaderName, &'static str); 1];

/// The body for a client that sends these headers, compressed if that makes it smaller. The answer has to say
/// `Vary: Accept-Encoding`.
pub(crate) async fn encode(headers: &HeaderMap, body: Bytes) -> (Option<Encoding>, Bytes) {
    if body.len() < SMALLEST || !accepts(headers) {
        return (None, body);
    }
    let compressed = if body.len() < LARGE {
        gzip(&body)
    } else {
        let body = body.clone();
        tokio::task::spawn_blocking(move || gzip(&body)).await.ok().flatten()
    };
    match compressed {
        Some(compressed) if compressed.len() < body.len() => {
            (Some([(CONTENT_ENCODING, "gzip")]), compressed.into())
        }
        _ => (None, body),
    }
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    // Most of what is sent are random bytes, of which higher levels make no less.
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len()), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// Whether the client accepts gzip. What it says of gzip itself counts before what it says of all encodings.
fn accepts(headers: &HeaderMap) -> bool {
    let given = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let (mut named, mut any) = (None, None);
    for coding in given.flat_map(|value| value.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let wanted = parts.all(|part| !is_zero(part));
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            named = Some(wanted);
        } else if name == "*" {
            any = Some(wanted);
        }
    }
    named.or(any).unwrap_or(false)
}

/// `q=0`, with any number of decimals: not acceptable.
fn is_zero(parameter: &str) -> bool {
    let weight = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weight.is_some_and(|(_, weight)| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn headers(accepted: &[&'static str]) -> HeaderMap {
        accepted.iter().map(|value| (ACCEPT_ENCODING, value.parse().unwrap())).collect()
    }

    #[test]
    fn what_clients_accept() {
        for yes in ["gzip", "GZIP", "x-gzip", "br, gzip;q=0.5", "*", "br;q=1 , gzip ; q=0.001", "*;q=0, gzip"]
        {
            assert!(accepts(&headers(&[yes])), "{yes}");
        }
        for no in ["", "identity", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "*, gzip;q=0", "gzip2"] {
            assert!(!accepts(&headers(&[no])), "{no}");
        }
        assert!(accepts(&headers(&["br", "gzip"])));
        assert!(!accepts(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn bodies_that_gain_by_it_are_compressed() {
        let accepting = headers(&["gzip"]);
        let random: Vec<u8> = (0..SMALLEST).flat_map(|at| sha(at as u64)).collect();
        for (body, is_compressed) in [
            (vec![b'a'; SMALLEST - 1], false),
            (vec![b'a'; SMALLEST], true),
            (vec![b'a'; LARGE * 3], true),
            (random, false),
        ] {
            let (encoding, sent) = encode(&accepting, body.clone().into()).await;
            assert_eq!(encoding.is_some(), is_compressed, "{}", body.len());
            let mut decoded = Vec::new();
            if is_compressed {
                flate2::read::GzDecoder::new(sent.as_ref()).read_to_end(&mut decoded).unwrap();
            } else {
                decoded = sent.into();
            }
            assert_eq!(decoded, body);
        }
        let plain = Bytes::from(vec![1; SMALLEST]);
        assert_eq!(encode(&HeaderMap::new(), plain.clone()).await, (None, plain));
    }

    fn sha(n: u64) -> [u8; 32] {
        use sha2::Digest as _;
        sha2::Sha256::digest(n.to_be_bytes()).into()
    }
}
