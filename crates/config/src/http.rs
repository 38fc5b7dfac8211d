//! The section `[http]`: the HTTP API.

use std::net::SocketAddr;

use super::section::{Bytes, HttpUrl, Sensitive, section};
use crate::hosts::Host;

section! {
    /// The HTTP API: tickets, payments, health, metrics.
    Http in "http" {
        /// Address and port to listen on.
        listen: SocketAddr = "127.0.0.1:5004";
        /// The URL at which others reach this service: the base of `ticketPdfUrl`. Empty means http://{listen}.
        public_url: Option<HttpUrl> = "";
        /// A bearer token with all rights. Named tokens with fewer rights go into [[token]] tables.
        token: Option<Sensitive> = "";
        /// Without any token, a service on a loopback address serves this machine's user only: it answers 403 to
        /// requests that a proxy passed on, or that name another host. On any other address it answers 401. Health,
        /// keys, the API's documentation and signed links are always served. True allows all requests without a token.
        allow_anonymous: bool = "false";
        /// Other names of this machine, separated by commas and without ports. Requests without a token may use them
        /// besides localhost and the loopback addresses.
        hosts: Vec<Host> = "";
        /// The maximum size of a request body.
        max_body: Bytes = "8MiB" from "1KiB" to "1GiB";
        /// The maximum number of payments in one array.
        max_items: usize = "5000" from "1" to "100000";
        /// The maximum number of payment requests in progress; further ones are answered 429.
        max_ingest_requests: usize = "64" from "1" to "10000";
    }
}
