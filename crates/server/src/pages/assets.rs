//! The pages' script and style, as they are in the program. Must not know the pages.

use axum::http::header;
use axum::response::IntoResponse;

/// An hour: a new version of the program is in use within it.
const CACHE: &str = "public, max-age=3600";

pub(super) async fn script() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, CACHE)];
    (headers, include_str!("../../assets/pages.js"))
}

pub(super) async fn style() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, CACHE)];
    (headers, include_str!("../../assets/pages.css"))
}
