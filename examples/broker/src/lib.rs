//! A tiny broker's site: sign in by password or passkey, change the bank account, withdraw, order. It shows where a broker's systems meet Sekisho, and
//! nothing else: passwords stand in the source, accounts are in memory. Read `protect.rs` first.

mod accounts;
mod pages;
mod passkeys;
mod protect;
mod texts;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Router, middleware};
use sekisho_client::{Client, Options};
use tokio::net::TcpListener;

use crate::accounts::Accounts;

/// What handlers share.
#[derive(Debug)]
struct Site {
    sekisho: Client,
    accounts: Accounts,
    /// Where customers come back to.
    origin: String,
}

/// Serves the site until the process ends; `is_behind_proxy` says that a proxy tells where requests come from. Sekisho's `return_origins` and, for passkeys on the login page, `related_origins` must name
/// `http://localhost:PORT`.
///
/// # Errors
/// The listener fails.
pub async fn serve(listener: TcpListener, sekisho: Options, is_behind_proxy: bool) -> std::io::Result<()> {
    let origin = format!("http://localhost:{}", listener.local_addr()?.port());
    let site = Site { sekisho: Client::new(sekisho), accounts: Accounts::default(), origin };
    let routes = Router::new()
        .route("/", get(pages::front))
        .route("/login", post(pages::login))
        .route("/passkeys.js", get(passkeys::script))
        .route("/passkeys", post(passkeys::begin))
        .route("/passkeys/{id}", post(passkeys::end))
        .route("/home", get(pages::home))
        .route("/security", get(pages::security))
        .route("/withdraw", post(pages::withdraw))
        .route("/bank-account", post(pages::bank_account))
        .route("/order", post(pages::order))
        .route("/returned", get(pages::returned))
        .layer(middleware::from_fn_with_state(is_behind_proxy, protect::note_address))
        .with_state(Arc::new(site));
    axum::serve(listener, routes.into_make_service_with_connect_info::<SocketAddr>()).await
}
