//! The site's pages, as small as they can be. Must not know how a decision is asked for: that is `protect`.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use model::{CustomerId, Event, EventKind};
use serde::Deserialize;
use serde_json::json;

use crate::Site;
use crate::accounts::Accounts;
use crate::protect::{self, Answer};

/// Enough to be used on a telephone.
const STYLE: &str = "main{max-width:30rem;margin:0 auto;padding:1rem;font:1.0625rem/1.6 system-ui,sans-serif}\
    form{border-top:1px solid #ccc;padding:.75rem 0}label{display:block;margin:.5rem 0}\
    input,button{display:block;box-sizing:border-box;width:100%;min-height:3rem;padding:.5rem;font:inherit}";

/// Anything that went wrong is the site's, not the customer's.
pub(crate) struct Failed(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let text = "お手続きできません。しばらくしてからもう一度お試しください。";
        let page = page(&format!("<h1>{text}</h1><!-- {} -->", escaped(&self.0.to_string())));
        (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
    }
}

type Shown = Result<Response, Failed>;

/// Who asks: their session and their device, each a cookie.
struct Asker {
    session: String,
    device: String,
    customer: Option<CustomerId>,
}

impl Asker {
    fn of(site: &Site, headers: &HeaderMap) -> Self {
        let session = cookie(headers, "session").unwrap_or_default();
        let customer = site.accounts.who(&session);
        Self { session, device: cookie(headers, "device").unwrap_or_default(), customer }
    }

    fn signed_in(&self) -> Result<&CustomerId, Redirect> {
        self.customer.as_ref().ok_or_else(|| Redirect::to("/"))
    }

    fn event(&self, headers: &HeaderMap, kind: EventKind, customer: &CustomerId) -> anyhow::Result<Event> {
        protect::event(kind, customer, protect::browser(headers, &self.device, &self.session))
    }
}

pub(crate) async fn front() -> Html<String> {
    page(
        "<h1>関所証券</h1><form method=post action=/login>\
         <label>お客さま名<input name=name autocomplete='username webauthn'></label>\
         <label>パスワード<input name=password type=password autocomplete=current-password></label>\
         <button id=login>ログイン</button></form>",
    )
}

#[derive(Deserialize)]
pub(crate) struct LoginForm {
    name: String,
    password: String,
}

pub(crate) async fn login(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Shown {
    let device = cookie(&headers, "device").unwrap_or_else(|| protect::random("device"));
    let asker = Asker { session: protect::random("session"), device, customer: None };
    let wrong = || (StatusCode::FORBIDDEN, page("<h1>ログインできません</h1>")).into_response();
    let Some((customer, right)) = Accounts::check(&form.name, &form.password) else { return Ok(wrong()) };
    let mut event = asker.event(&headers, EventKind::Login, &customer)?;
    if !right {
        protect::failed_login(&site, event).await?;
        return Ok(wrong());
    }
    event.credential = Some(model::Credential::Correct);
    let mut response = ask(&site, &asker, event).await?;
    for (name, value) in [("session", &asker.session), ("device", &asker.device)] {
        let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax");
        response.headers_mut().append(header::SET_COOKIE, cookie.parse()?);
    }
    Ok(response)
}

pub(crate) async fn home(State(site): State<Arc<Site>>, headers: HeaderMap) -> Shown {
    let asker = Asker::of(&site, &headers);
    let customer = match asker.signed_in() {
        Ok(customer) => customer,
        Err(redirect) => return Ok(redirect.into_response()),
    };
    let (money, branch, orders) = site.accounts.shown(customer);
    let shown = format!(
        "<h1>{customer}</h1><p id=money>残高 {money}円</p><p id=branch>出金先支店 {branch}</p><p id=orders>注文 {orders}件</p>\
         <p><a id=security href=/security>セキュリティ設定</a></p>\
         <form method=post action=/withdraw><label>出金額<input name=amount value=50000></label><button id=withdraw>出金する</button></form>\
         <form method=post action=/bank-account><label>支店番号<input name=branch value=002></label>\
         <label>口座番号<input name=number value=7654321></label><button id=bank>出金先を変更する</button></form>\
         <form method=post action=/order><label>銘柄<input name=symbol value=7203></label>\
         <label>株数<input name=quantity value=100></label><button id=order>買う</button></form>"
    );
    Ok(page(&shown).into_response())
}

pub(crate) async fn security(State(site): State<Arc<Site>>, headers: HeaderMap) -> Shown {
    let asker = Asker::of(&site, &headers);
    let customer = match asker.signed_in() {
        Ok(customer) => customer.clone(),
        Err(redirect) => return Ok(redirect.into_response()),
    };
    let browser = protect::browser(&headers, &asker.device, &asker.session);
    Ok(Redirect::to(&protect::security(&site, customer, browser).await?).into_response())
}

#[derive(Deserialize)]
pub(crate) struct WithdrawForm {
    amount: i64,
}

pub(crate) async fn withdraw(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Form(form): Form<WithdrawForm>,
) -> Shown {
    let branch = |customer: &CustomerId| site.accounts.shown(customer).1;
    wants(&site, &headers, EventKind::Withdrawal, |event, customer| {
        event.amount = serde_json::from_value(json!({"minor": form.amount, "currency": "JPY"}))?;
        let account = json!({"bank": "0001", "branch": branch(customer), "number": "1234567"});
        event.bank_account = serde_json::from_value(account)?;
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct AccountForm {
    branch: String,
    number: String,
}

pub(crate) async fn bank_account(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Form(form): Form<AccountForm>,
) -> Shown {
    wants(&site, &headers, EventKind::BankAccountChange, |event, _| {
        let account = json!({"bank": "0001", "branch": form.branch, "number": form.number});
        event.bank_account = serde_json::from_value(account)?;
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct OrderForm {
    symbol: String,
    quantity: u64,
}

pub(crate) async fn order(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Form(form): Form<OrderForm>,
) -> Shown {
    wants(&site, &headers, EventKind::Order, |event, _| {
        let order =
            json!({"symbol": form.symbol, "side": "buy", "effect": "open", "quantity": form.quantity});
        event.order = serde_json::from_value(order)?;
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct Returned {
    #[serde(default)]
    sekisho_challenge: String,
}

/// The customer comes back from the page on which they proved themselves.
pub(crate) async fn returned(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Query(query): Query<Returned>,
) -> Shown {
    let asker = Asker::of(&site, &headers);
    let Some(event) = site.accounts.take(&query.sekisho_challenge, &asker.session) else {
        return Ok(told(&Answer::Refused));
    };
    let session = asker.session.clone();
    let accounts = Arc::clone(&site);
    let done = move |event: &Event| accounts.accounts.carry_out(&session, event);
    Ok(told(&protect::returned(&site, query.sekisho_challenge, event, done).await?))
}

/// A signed-in customer wants something.
async fn wants(
    site: &Arc<Site>,
    headers: &HeaderMap,
    kind: EventKind,
    details: impl FnOnce(&mut Event, &CustomerId) -> anyhow::Result<()>,
) -> Shown {
    let asker = Asker::of(site, headers);
    let customer = match asker.signed_in() {
        Ok(customer) => customer,
        Err(redirect) => return Ok(redirect.into_response()),
    };
    let mut event = asker.event(headers, kind, customer)?;
    details(&mut event, customer)?;
    ask(site, &asker, event).await
}

async fn ask(site: &Arc<Site>, asker: &Asker, event: Event) -> Shown {
    let (session, accounts) = (asker.session.clone(), Arc::clone(site));
    let done = move |event: &Event| accounts.accounts.carry_out(&session, event);
    let (answer, event) = protect::protect(site, event, done).await?;
    if let Answer::Prove { challenge, .. } = &answer {
        site.accounts.wait(challenge.clone(), &asker.session, event);
    }
    Ok(told(&answer))
}

fn told(answer: &Answer) -> Response {
    match answer {
        Answer::Done => Redirect::to("/home").into_response(),
        Answer::Prove { url, .. } => Redirect::to(url).into_response(),
        Answer::Waits => page("<h1>受付を保留しました</h1><p><a href=/home>戻る</a></p>").into_response(),
        Answer::Refused => {
            (StatusCode::FORBIDDEN, page("<h1>お手続きできません</h1><p><a href=/home>戻る</a></p>"))
                .into_response()
        }
    }
}

fn page(main: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=ja><meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'>\
         <title>関所証券</title><style>{STYLE}</style><main>{main}</main></html>"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('-', "&#45;")
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(each, _)| *each == name).map(|(_, value)| value.to_owned())
}
