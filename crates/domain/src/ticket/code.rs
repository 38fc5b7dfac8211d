//! The content of a ticket's QR code.

/// The signed code, and what it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The signed content of the QR code: `TK1:...`.
    pub data: String,
    /// The code's id, 20 hexadecimal digits.
    pub cti: [u8; 10],
    /// Counts reinstatements after a void; part of the code's id.
    pub era: u32,
    /// Counts reissues.
    pub generation: u32,
    /// The key that signed the code, 8 hexadecimal digits.
    pub kid: String,
}
