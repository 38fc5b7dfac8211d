//! Count and hash of all deviations, by which a scanner finds out that it missed one.

use fulfillment_credential::{Cti, Standing};
use sha2::{Digest as _, Sha256};

use super::cbor::Writer;

/// How many deviations there are, and the SHA-256 of the CBOR of their sorted array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The number of entries.
    pub count: u64,
    /// The hash.
    pub hash: [u8; 32],
}

impl Digest {
    /// The digest of `count` deviations in the order of their ids. They are hashed as they come, without a copy.
    #[must_use]
    pub fn of(count: usize, sorted: impl IntoIterator<Item = (Cti, Standing)>) -> Self {
        let mut writer = Writer::default();
        writer.array(count);
        let mut hash = Sha256::new();
        writer.flush(|bytes| hash.update(bytes));
        for deviation in sorted {
            write_deviation(&mut writer, &deviation);
            writer.flush(|bytes| hash.update(bytes));
        }
        Self { count: count as u64, hash: hash.finalize().into() }
    }

    /// The digest of a sorted list.
    #[must_use]
    pub fn of_list(sorted: &[(Cti, Standing)]) -> Self {
        Self::of(sorted.len(), sorted.iter().copied())
    }
}

/// `[cti, lowest good generation, voided]`.
pub(super) fn write_deviation(out: &mut Writer, (cti, standing): &(Cti, Standing)) {
    out.array(3);
    out.bytes(cti);
    out.unsigned(standing.lowest_good_generation.into());
    out.boolean(standing.voided);
}
