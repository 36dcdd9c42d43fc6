//! `example-broker --sekisho http://localhost:8480 --listen 127.0.0.1:8000`, with the API key in `SEKISHO_KEY`.

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Parser;
use sekisho_client::Options;

/// A tiny broker's site protected by Sekisho.
#[derive(Debug, Parser)]
struct Args {
    /// Where Sekisho is; its API key is in SEKISHO_KEY.
    #[arg(long, default_value = "http://localhost:8480")]
    sekisho: String,
    /// Where this site listens; Sekisho's `return_origins` must name http://localhost:PORT.
    #[arg(long, default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// A proxy in front tells where requests come from, in X-Forwarded-For.
    #[arg(long)]
    behind_proxy: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let how = "SEKISHO_KEY is not set: sekisho key create site --role sender";
    let key = std::env::var("SEKISHO_KEY").context(how)?;
    let listener = tokio::net::TcpListener::bind(args.listen).await.context("listening")?;
    Ok(example_broker::serve(listener, Options::new(&args.sekisho, &key), args.behind_proxy).await?)
}
