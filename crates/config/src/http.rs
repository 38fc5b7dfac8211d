//! The section `[http]`: the HTTP API.

use std::net::SocketAddr;
use std::time::Duration;

use super::section::{Bytes, HttpUrl, Sensitive, section};
use crate::address_range::AddressRange;
use crate::hosts::Host;
use crate::origins::WebOrigin;

section! {
    /// The HTTP API: tickets, payments, health, metrics.
    Http in "http" {
        /// Address and port to listen on.
        listen: SocketAddr = "127.0.0.1:5004";
        /// The URL at which others reach this service: the base of `ticketPdfUrl`. Empty means http://{listen}.
        public_url: Option<HttpUrl> = "";
        /// A bearer token with all rights, of at least 32 characters. Named tokens with fewer rights go into [[token]]
        /// tables, or into the store with `fulfillment token new`.
        token: Option<Sensitive> = "";
        /// Start with tokens of fewer than 32 characters.
        allow_weak_tokens: bool = "false";
        /// In [[token]] tables, ingest also means withdraw, and read also means events, as in earlier versions. Empty
        /// means false, and `config check` warns of tokens that may need more scopes; false ends these warnings.
        broad_scopes: Option<bool> = "";
        /// Without any token here or in the store, a loopback address serves this machine's user only: it answers 403 to
        /// requests that a proxy passed on, or that name another host. On any other address it answers 401. Health,
        /// keys, the API's documentation and signed links are always served. True allows all requests without a token.
        allow_anonymous: bool = "false";
        /// Other names of this machine, separated by commas, without ports and wildcards. Requests without a token may
        /// use them besides localhost and the loopback addresses.
        hosts: Vec<Host> = "";
        /// Origins of web pages that may use the routes of doors, separated by commas, each with its scheme: for scanners
        /// that are web apps of another origin than this service (CORS). No other page may, and these no other routes.
        door_origins: Vec<WebOrigin> = "";
        /// The maximum size of a request body.
        max_body: Bytes = "8MiB" from "1KiB" to "1GiB";
        /// The same for requests that carry no messages, such as voids and reissues.
        max_small_body: Bytes = "64KiB" from "1KiB" to "1GiB";
        /// The maximum number of payments in one array.
        max_items: usize = "5000" from "1" to "100000";
        /// The maximum number of requests with messages that are processed at a time, once their bodies are there;
        /// further ones are answered 429. Bodies on their way may have this many times max_body together, apart from
        /// the first 64 KiB of each.
        max_ingest_requests: usize = "64" from "1" to "10000";
        /// The maximum number of open connections. A sixteenth of them is kept for health and files; where there is no
        /// room, connections that have not sent a request yet are closed, the oldest first.
        max_connections: usize = "2048" from "16" to "1000000";
        /// The maximum number of open connections of one address; an IPv6 network of 64 bits counts as one. Trusted
        /// proxies are not counted, see trusted_proxies.
        max_connections_per_address: usize = "256" from "1" to "1000000";
        /// How long the head of a request may take. A connection that takes longer is closed.
        header_timeout: Duration = "10s" from "100ms" to "1h";
        /// How long a request's body may pause. A request must have arrived and be answered within 60s in any case.
        body_timeout: Duration = "30s" from "100ms" to "1min";
        /// How long the reader of an answer may take nothing of it.
        write_timeout: Duration = "30s" from "100ms" to "1h";
        /// How long a connection may be idle between two requests.
        idle_timeout: Duration = "60s" from "100ms" to "1h";
        /// Addresses and networks of reverse proxies, separated by commas, like 10.0.0.0/8. Their X-Forwarded-For is
        /// believed, and every other address has the limits of an address. While this is empty, loopback and private
        /// addresses have none, because each may be a proxy.
        trusted_proxies: Vec<AddressRange> = "";
        /// Requests without a valid token per second from one address; ten times as many at once. Further ones are
        /// answered 429. 0 means no limit.
        address_requests: u32 = "50" from "0" to "1000000";
        /// Requests per second with one token; ten times as many at once. Further ones are answered 429. 0 means no
        /// limit.
        token_requests: u32 = "1000" from "0" to "1000000";
        /// How long after its event a link to a ticket works without a token: 30days. The latest of the event's start, its
        /// end and the ticket's issue counts, also for links that were sent out before. Empty means for ever.
        links_expire_after: Option<Duration> = "";
        /// Serve HTTP/2 without TLS as well, for a proxy that speaks it. The timeouts then apply to its connections, not
        /// to each request.
        http2: bool = "false";
    }
}
