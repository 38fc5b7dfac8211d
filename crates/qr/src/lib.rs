//! QR codes (ISO/IEC 18004): [`encode`] makes a symbol from a text, and [`text_of_modules`] reads one back module by
//! module.
//!
//! The two are independent: neither module uses the other, and they share no table. A fault in one is detected by the
//! other, which is why the service reads every code back before its ticket counts as issued.
//!
//! ```
//! use fulfillment_qr::{Level, encode, text_of_modules};
//!
//! let symbol = encode("TK1:HELLO", Level::M)?;
//! let rows = symbol.rows();
//! assert_eq!(text_of_modules(rows.len(), |x, y| rows[y][x])?, "TK1:HELLO");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod encoder;
mod reader;

pub use encoder::{EncodeError, Level, QUIET_ZONE, Symbol, encode};
pub use reader::{SymbolError, text_of_modules};
