//! The sections `[data]`, `[store]`, `[files]`, `[credential]` and `[document]`: where data is kept, and pages.

use std::path::PathBuf;
use std::time::Duration;

use fulfillment_domain::Currency;

use super::section::{Sensitive, Setting, section};

section! {
    /// The data folder: keys, the embedded database and ticket files, unless they are configured elsewhere.
    Data in "data" {
        /// The folder. Created if it does not exist.
        dir: PathBuf = "./data";
    }
}

section! {
    /// The database.
    Store in "store" {
        /// sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE. Empty means sqlite://{data}/fulfillment.db.
        url: Option<Sensitive> = "";
        /// The PostgreSQL schema of the tables: lower-case letters, digits and _. Created if it does not exist.
        schema: String = "bc_fulfillment";
        /// The maximum number of connections to PostgreSQL.
        max_connections: u32 = "16" from "1" to "1000";
        /// How long to wait for a connection.
        connect_timeout: Duration = "10s" from "1ms" to "1h";
    }
}

section! {
    /// Where ticket files are kept.
    Files in "files" {
        /// file://PATH, s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX. Empty means
        /// file://{data}/tickets. S3 reads the usual AWS_* variables, Azure AZURE_*, GCS GOOGLE_*.
        url: Option<String> = "";
    }
}

section! {
    /// The signed code in every QR.
    Credential in "credential" {
        /// The folder with the signing keys and the secret. Empty means {data}/keys. Keep a backup of it.
        keys_dir: Option<PathBuf> = "";
        /// The secret that ids are derived from, 64 hexadecimal digits. Empty means the file `secret` in the folder
        /// above.
        secret: Option<Sensitive> = "";
        /// The secrets that sign links, separated by commas: the first signs, all are accepted. Each has 64 hexadecimal
        /// digits; the word secret stands for the one above, which signs links where neither this nor the file `links`
        /// is there. Empty means that file, which `fulfillment keys links` changes while the service runs.
        link_secrets: Option<Sensitive> = "";
        /// Accept a secret and signing keys that every user of this machine can read, as a volume may be mounted.
        allow_readable_keys: bool = "false";
        /// The format of the QR code of new tickets: tk1, the signed code of docs/qr-format.md; or, where scanners
        /// cannot read that yet, platform (orderId:seat:eventId: FORGEABLE by anyone who knows an order, the same for
        /// all tickets without a seat of their own, and it reveals both) or pretix (pretix_sig1: signed, larger,
        /// and scanners cannot detect voided tickets). A ticket keeps its format until it is reissued.
        form: CodeFormat = "tk1";
    }
}

/// The format of the code in a ticket's QR symbol. A ticket keeps the format it was frozen or last reissued with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeFormat {
    /// `TK1:`, signed and small.
    Tk1,
    /// `orderId:seat:eventId`, which anyone who knows an order can forge.
    Platform,
    /// pretix's signature scheme 1, signed and larger.
    Pretix,
}

impl Setting for CodeFormat {
    const EXPECTED: &'static str = "tk1, platform or pretix";
    fn read(text: &str) -> Option<Self> {
        match text {
            "tk1" => Some(Self::Tk1),
            "platform" => Some(Self::Platform),
            "pretix" => Some(Self::Pretix),
            _ => None,
        }
    }
}

section! {
    /// The page.
    Document in "document" {
        /// Folders with fonts in addition to the built-in one, searched before the system's fonts.
        fonts: Vec<PathBuf> = "";
        /// IANA time zone of dates on the page when Ordering gives none.
        time_zone: String = "UTC";
        /// The currency of orders when neither the order nor its payment names one: an ISO 4217 code.
        currency: Currency = "USD";
        /// The template of new tickets: a4, phone, thermal (80 mm wide), or the name of a [[template]] below, which
        /// can also be for certain events or organizers. A ticket keeps the one it was frozen with.
        template: String = "a4";
        /// One page in this many has its QR code read back, and every module checked, before its ticket is issued.
        /// 1 checks every page.
        proof_every: u32 = "1" from "1" to "1000000";
    }
}
