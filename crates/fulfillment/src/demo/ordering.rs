//! A sample Ordering service: answers for the orders it knows, 404 for the rest.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use fulfillment_domain::OrderId;
use tokio::net::TcpListener;

type Answers = Arc<HashMap<OrderId, String>>;

/// Serves the answers on a free port of this machine for as long as the process lives.
pub(crate) async fn serve_ordering(answers: HashMap<OrderId, String>) -> anyhow::Result<SocketAddr> {
    let listener =
        TcpListener::bind("127.0.0.1:0").await.context("no port is free for the sample Ordering")?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/orders/{id}", get(order)).with_state(Arc::new(answers));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the sample Ordering ended");
        }
    });
    Ok(address)
}

async fn order(State(answers): State<Answers>, Path(id): Path<String>) -> Response {
    match id.parse().ok().and_then(|id| answers.get(&id)) {
        Some(answer) => ([(header::CONTENT_TYPE, "application/json")], answer.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
