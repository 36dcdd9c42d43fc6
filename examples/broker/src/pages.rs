//! The site's pages, as small as they can be. Must not know how a decision is asked for: that is `protect`.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use model::{CustomerId, Event, EventKind, OrderSide};
use serde::Deserialize;
use serde_json::json;

use crate::Site;
use crate::accounts::Accounts;
use crate::protect::{self, Answer};
use crate::texts::Texts;

/// Enough to be used on a telephone.
const STYLE: &str = "main{max-width:30rem;margin:0 auto;padding:1rem;font:1.0625rem/1.6 system-ui,sans-serif}\
    form{border-top:1px solid #ccc;padding:.75rem 0}label{display:block;margin:.5rem 0}\
    input,button{display:block;box-sizing:border-box;width:100%;min-height:3rem;padding:.5rem;font:inherit}\
    button{margin:.75rem 0}[hidden]{display:none}h1{font-size:1.5rem;line-height:1.3}.lang{text-align:right}";

/// Anything that went wrong is the site's, not the customer's.
pub(crate) struct Failed(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    #[expect(clippy::print_stderr, reason = "an example logs nowhere else")]
    fn into_response(self) -> Response {
        // Why is for who runs the site. Whose request failed is not known here: both languages.
        eprintln!("{:#}", self.0);
        let [ja, en] = ["ja", "en"].map(|word| Texts::of(&HeaderMap::new(), Some(word)));
        let page = page(ja, &format!("<h1>{}</h1><p lang=en>{}</p>", ja.failed, en.failed));
        (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
    }
}

pub(crate) type Shown = Result<Response, Failed>;

/// Who asks: their session and their device, each a cookie.
pub(crate) struct Asker {
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

    /// Who signs in now, in a session of their own.
    pub(crate) fn new_session(headers: &HeaderMap) -> Self {
        let device = cookie(headers, "device").unwrap_or_else(|| protect::random("device"));
        Self { session: protect::random("session"), device, customer: None }
    }

    /// Keeps session and device in the browser.
    pub(crate) fn keep(&self, response: &mut Response) -> anyhow::Result<()> {
        for (name, value) in [("session", &self.session), ("device", &self.device)] {
            let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax");
            response.headers_mut().append(header::SET_COOKIE, cookie.parse()?);
        }
        Ok(())
    }

    fn signed_in(&self) -> Result<&CustomerId, Redirect> {
        self.customer.as_ref().ok_or_else(|| Redirect::to("/"))
    }

    pub(crate) fn event(
        &self,
        headers: &HeaderMap,
        kind: EventKind,
        customer: &CustomerId,
    ) -> anyhow::Result<Event> {
        protect::event(kind, customer, protect::browser(headers, &self.device, &self.session))
    }
}

/// The language, where it is chosen.
#[derive(Deserialize)]
pub(crate) struct Chosen {
    lang: Option<String>,
}

pub(crate) async fn front(headers: HeaderMap, Query(chosen): Query<Chosen>) -> Response {
    let texts = Texts::of(&headers, chosen.lang.as_deref());
    let Texts { broker, name, password, sign_in, sign_in_by_passkey, .. } = texts;
    let shown = format!(
        "<h1>{broker}</h1><p id=problem role=alert></p><form method=post action=/login>\
         <label>{name}<input name=name autocomplete='username webauthn'></label>\
         <label>{password}<input name=password type=password autocomplete=current-password></label>\
         <button id=login>{sign_in}</button><button id=passkey type=button hidden>{sign_in_by_passkey}</button></form>\
         <script src=/passkeys.js defer></script>"
    );
    in_language(texts, chosen, "/", &shown)
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
    let (asker, texts) = (Asker::new_session(&headers), Texts::of(&headers, None));
    let wrong = || stopped(StatusCode::FORBIDDEN, texts, texts.not_signed_in, "/");
    let Some((customer, right)) = Accounts::check(&form.name, &form.password) else { return Ok(wrong()) };
    let mut event = asker.event(&headers, EventKind::Login, &customer)?;
    if !right {
        protect::failed_login(&site, event).await?;
        return Ok(wrong());
    }
    event.credential = Some(model::Credential::Correct);
    let mut response = told(&ask(&site, &asker, event, texts).await?, texts);
    asker.keep(&mut response)?;
    Ok(response)
}

pub(crate) async fn home(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Query(chosen): Query<Chosen>,
) -> Shown {
    let (asker, texts) = (Asker::of(&site, &headers), Texts::of(&headers, chosen.lang.as_deref()));
    let customer = match asker.signed_in() {
        Ok(customer) => customer,
        Err(redirect) => return Ok(redirect.into_response()),
    };
    let (money, account, placed) = site.accounts.shown(customer);
    let account =
        ["branch", "number"].map(|part| account.get(part).and_then(|part| part.as_str()).unwrap_or(""));
    let (account, money) = (escaped(&account.join(" / ")), texts.yen(money));
    let Texts { balance, branch, orders, security, amount, withdraw, branch_number, .. } = texts;
    let Texts { account_number, change_account, symbol, quantity, buy, sell, .. } = texts;
    let shown = format!(
        "<h1>{customer}</h1><p id=money>{balance} {money}</p><p id=branch>{branch} {account}</p><p id=orders>{orders} {placed}</p>\
         <p><a id=security href=/security>{security}</a></p>\
         <form method=post action=/withdraw><label>{amount}<input name=amount value=50000></label>\
         <button id=withdraw>{withdraw}</button></form>\
         <form method=post action=/bank-account><label>{branch_number}<input name=branch value=002></label>\
         <label>{account_number}<input name=number value=7654321></label><button id=bank>{change_account}</button></form>\
         <form method=post action=/order><label>{symbol}<input name=symbol value=7203></label>\
         <label>{quantity}<input name=quantity value=100></label><button id=order name=side value=buy>{buy}</button>\
         <button id=sell name=side value=sell>{sell}</button></form>"
    );
    Ok(in_language(texts, chosen, "/home", &shown))
}

pub(crate) async fn security(State(site): State<Arc<Site>>, headers: HeaderMap) -> Shown {
    let asker = Asker::of(&site, &headers);
    let customer = match asker.signed_in() {
        Ok(customer) => customer.clone(),
        Err(redirect) => return Ok(redirect.into_response()),
    };
    let browser = protect::browser(&headers, &asker.device, &asker.session);
    let japanese = Texts::of(&headers, None).japanese;
    Ok(Redirect::to(&protect::security(&site, customer, browser, japanese).await?).into_response())
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
    let account = |customer: &CustomerId| site.accounts.shown(customer).1;
    wants(&site, &headers, EventKind::Withdrawal, |event, customer| {
        anyhow::ensure!(form.amount > 0, "nothing to withdraw");
        event.amount = serde_json::from_value(json!({"minor": form.amount, "currency": "JPY"}))?;
        event.bank_account = serde_json::from_value(account(customer))?;
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
    side: OrderSide,
}

pub(crate) async fn order(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Form(form): Form<OrderForm>,
) -> Shown {
    wants(&site, &headers, EventKind::Order, |event, _| {
        let effect = if form.side == OrderSide::Sell { "close" } else { "open" };
        let order =
            json!({"symbol": form.symbol, "side": form.side, "effect": effect, "quantity": form.quantity});
        event.order = serde_json::from_value(order)?;
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct Returned {
    #[serde(default)]
    sekisho_challenge: String,
    /// What says that it was proven, signed: nobody has it but the browser that came back.
    #[serde(default)]
    sekisho_result: Option<String>,
}

/// The customer comes back from the page on which they proved themselves.
pub(crate) async fn returned(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Query(query): Query<Returned>,
) -> Shown {
    let (asker, texts) = (Asker::of(&site, &headers), Texts::of(&headers, None));
    let Some(event) = site.accounts.take(&query.sekisho_challenge, &asker.session) else {
        return Ok(told(&Answer::Refused, texts));
    };
    let session = asker.session.clone();
    let accounts = Arc::clone(&site);
    let done = move |event: &Event| accounts.accounts.carry_out(&session, event);
    let came_back = (query.sekisho_challenge, query.sekisho_result);
    Ok(told(&protect::returned(&site, came_back, event, done).await?, texts))
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
    let texts = Texts::of(headers, None);
    if let Err(_what_was_typed) = details(&mut event, customer) {
        return Ok(stopped(StatusCode::UNPROCESSABLE_ENTITY, texts, texts.not_accepted, "/home"));
    }
    Ok(told(&ask(site, &asker, event, texts).await?, texts))
}

/// Asks about an event, and keeps it where it waits for proof.
pub(crate) async fn ask(
    site: &Arc<Site>,
    asker: &Asker,
    event: Event,
    texts: &Texts,
) -> anyhow::Result<Answer> {
    let (session, accounts) = (asker.session.clone(), Arc::clone(site));
    let done = move |event: &Event| accounts.accounts.carry_out(&session, event);
    let (answer, event) = protect::protect(site, event, texts.japanese, done).await?;
    if let Answer::Prove { challenge, .. } = &answer {
        site.accounts.wait(challenge.clone(), &asker.session, event);
    }
    Ok(answer)
}

fn told(answer: &Answer, texts: &Texts) -> Response {
    match answer {
        Answer::Done => Redirect::to("/home").into_response(),
        Answer::Prove { url, .. } => Redirect::to(url).into_response(),
        Answer::Waits => stopped(StatusCode::OK, texts, texts.waits, "/home"),
        Answer::Refused => stopped(StatusCode::FORBIDDEN, texts, texts.refused, "/home"),
    }
}

/// Says that something was not done, and leads back.
fn stopped(status: StatusCode, texts: &Texts, text: &str, back: &str) -> Response {
    let shown = format!("<h1>{text}</h1><p><a href={back}>{}</a></p>", texts.back);
    (status, page(texts, &shown)).into_response()
}

/// A page that can be read in the other language, too; the one that was chosen is kept.
fn in_language(texts: &Texts, chosen: Chosen, path: &str, shown: &str) -> Response {
    let (other, name) = texts.other;
    let switch = format!("<p class=lang><a id=lang href='{path}?lang={other}' lang={other}>{name}</a></p>");
    let mut response = page(texts, &format!("{switch}{shown}")).into_response();
    let kept = format!("lang={}; Path=/; Max-Age=34560000; SameSite=Lax", texts.language);
    if chosen.lang.is_some()
        && let Ok(kept) = HeaderValue::try_from(kept)
    {
        response.headers_mut().append(header::SET_COOKIE, kept);
    }
    response
}

fn page(texts: &Texts, main: &str) -> Html<String> {
    let Texts { language, broker, .. } = texts;
    Html(format!(
        "<!doctype html><html lang={language}><meta charset=utf-8>\
         <meta name=viewport content='width=device-width, initial-scale=1'>\
         <title>{broker}</title><style>{STYLE}</style><main>{main}</main></html>"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('-', "&#45;")
}

pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(each, _)| *each == name).map(|(_, value)| value.to_owned())
}
