//! Accepts connections, and ends those that only cost: half-sent heads, readers that take nothing, idle ones.
//!
//! hyper's own timeout for heads also runs between two requests of a connection, and it has none for writing; so one
//! supervisor for each connection keeps these times. Bodies of requests are timed by a layer of the router.

mod activity;
mod admission;
mod io;

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use fulfillment_config::Http;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::warn;

use self::activity::{Activity, Timeouts, Verdict};
use self::admission::{Connections, Place};
use self::io::{Answer, Watched};
use crate::peers::Peers;

/// The longest head of a request, and what is buffered in each direction.
const BUFFER: usize = 64 * 1024;
/// Requests at a time on a connection of HTTP/2.
const STREAMS: u32 = 32;
/// The wait after an error such as too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// The least time between two log lines about connections that were refused.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Where a request comes from, and what its connection may be used for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) peer: SocketAddr,
    pub(crate) standing: Standing,
}

/// What a connection may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Everything.
    Ordinary,
    /// Health and files: almost all connections are taken.
    Kept,
    /// Health alone: its address has too many.
    Crowded,
}

/// Serves connections until `close`, then ends them gracefully.
pub async fn serve(listener: TcpListener, router: Router, http: Http, close: CancellationToken) {
    let (connections, peers) = (Connections::new(&http), Peers::new(&http));
    let shared = Arc::new(Shared { router, timeouts: Timeouts::of(&http), builder: builder(&http), close });
    let tasks = TaskTracker::new();
    let mut said: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            () = shared.close.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // One that was closed before it was accepted is nobody's fault. What else fails, such as too many open
            // files, would fail again at once.
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) =>
            {
                continue;
            }
            Err(error) => {
                warn!(%error, "connections cannot be accepted");
                sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let activity = Activity::new();
        let place = connections.admit(&activity, peers.counted(peer.ip()));
        metrics::gauge!("fulfillment_http_connections").set(gauge(connections.count()));
        if place.as_ref().is_none_or(|place| place.standing != Standing::Ordinary) {
            metrics::counter!("fulfillment_http_connections_limited_total").increment(1);
            if said.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
                said = Some(Instant::now());
                warn!(
                    open = connections.count(),
                    "connections are limited to health and files, or refused: http.max_connections or \
                     http.max_connections_per_address is reached"
                );
            }
        }
        if let Some(place) = place {
            tasks.spawn(Arc::clone(&shared).run(stream, peer, activity, place));
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and no process has 2^52 connections")]
fn gauge(count: usize) -> f64 {
    count as f64
}

fn builder(http: &Http) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(BUFFER);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS).max_send_buf_size(BUFFER);
    if http.http2 { builder } else { builder.http1_only() }
}

/// What all connections share.
struct Shared {
    router: Router,
    timeouts: Timeouts,
    builder: Builder<TokioExecutor>,
    close: CancellationToken,
}

impl Shared {
    /// Serves one connection, and ends it when it only costs.
    async fn run(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        activity: Arc<Activity>,
        place: Place,
    ) {
        let origin = Origin { peer, standing: place.standing };
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let in_progress = activity.request();
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(origin);
            let answer = self.router.clone().oneshot(request);
            async move {
                let answer = answer.await?;
                Ok::<_, Infallible>(answer.map(|body| Answer::new(body, in_progress)))
            }
        });
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
        let mut connection = pin!(self.builder.serve_connection(io, service));
        let mut closing = false;
        loop {
            let look = match activity.judge(Instant::now(), &self.timeouts) {
                Verdict::LookAt(look) => look,
                Verdict::Close(why) => {
                    metrics::counter!("fulfillment_http_connections_timed_out_total", "reason" => why)
                        .increment(1);
                    return;
                }
            };
            tokio::select! {
                _ = connection.as_mut() => return,
                () = activity.close.notified() => return,
                () = sleep_until(look) => {}
                () = self.close.cancelled(), if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}
