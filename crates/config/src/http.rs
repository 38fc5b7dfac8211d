//! `[http]`

use std::net::SocketAddr;

use super::section::{Bytes, HttpUrl, Sensitive, section};

section! {
    /// The HTTP end: tickets out, payments in, health, metrics.
    Http in "http" {
        /// Address and port to listen on.
        listen: SocketAddr = "127.0.0.1:5004";
        /// How others reach this service: the base of `ticketPdfUrl`. Empty means http://{listen}.
        public_url: Option<HttpUrl> = "";
        /// A bearer token that may do everything. Named tokens with fewer rights go into [[token]] tables.
        token: Option<Sensitive> = "";
        /// Without any token, an address that is not loopback answers 401 to all but health, keys and
        /// signed links. True opens it to everybody.
        allow_anonymous: bool = "false";
        /// The largest request body.
        max_body: Bytes = "8MiB" from "1KiB" to "1GiB";
        /// The most payments in one array.
        max_items: usize = "5000" from "1" to "100000";
        /// Requests with payments at work at once; one more is answered 429.
        max_ingest_requests: usize = "64" from "1" to "10000";
    }
}
