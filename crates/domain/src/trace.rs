//! The trace that a message belongs to (W3C Trace Context), passed on unchanged.

/// Whether a text is a trace context of version 00, checked as far as is needed to pass it on.
pub fn is_traceparent(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 55
        && bytes.iter().enumerate().all(|(i, b)| match i {
            2 | 35 | 52 => *b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(b),
        })
}

/// The trace id, 32 hexadecimal digits, of a trace context of version 00.
pub fn trace_id(traceparent: &str) -> Option<&str> {
    is_traceparent(traceparent).then(|| traceparent.get(3..35)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_told_from_what_is_none() {
        assert!(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        let trace = trace_id("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(trace, Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in ["", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0G", "x"] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }
}
