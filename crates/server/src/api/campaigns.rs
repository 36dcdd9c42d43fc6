//! `GET /v1/campaigns`, `GET /v1/campaigns/{id}`: attacks on many customers at once, and whom they reached.

#![expect(unused_qualifications, reason = "utoipa names parameters by their path")]

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use engine::distinct::Distinct;
use engine::facet::Facet;
use engine::record::Campaign;
use engine::record::campaign::{Member, Print, Visitor};
use engine::state::Campaigns;
use model::Time;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

use super::openapi::Refused;
use super::parts::{Asked, Named, limit, name, query};
use super::problem::Problem;
use super::{App, prefers_japanese};
use crate::keys::Role;

/// Customers given with a campaign at once, where nothing else is asked for, and at most.
const CUSTOMERS: u32 = 1_000;
const CUSTOMERS_MAX: u32 = 10_000;

/// A campaign's number.
#[derive(Debug, Clone, Copy)]
struct CampaignId(u32);

impl std::str::FromStr for CampaignId {
    type Err = model::Invalid;

    fn from_str(text: &str) -> Result<Self, model::Invalid> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|_| digits)
            .map(Self)
            .ok_or_else(|| model::Invalid::value("id", text, "a campaign's number, such as 7"))
    }
}

/// Which campaigns.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only those with a lower number: `next` of the page before.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 4_294_967_295_u64)]
    before: Option<u32>,
    /// How many, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// Which of a campaign's customers.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CustomersQuery {
    /// `entered` (those whose password it had, which is what is given unless something else is asked for) or `tried` (all of them).
    #[param(pattern = "^(entered|tried)$")]
    customers: Option<String>,
    /// How many to leave out: `next` of the page before.
    #[serde(default)]
    from: u32,
    /// How many, 1 to 10,000; 1,000 unless given.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<u32>,
}

/// Campaigns.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CampaignsTold {
    /// The newest first.
    campaigns: Vec<CampaignTold>,
    /// Ask with `before` at this for those before; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u32>,
}

/// A campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CampaignTold {
    /// Its number.
    id: u32,
    /// `on`, or `over`: nothing of it came for three days before the latest login.
    status: &'static str,
    /// In a sentence, Japanese, or English where that is preferred.
    text: String,
    /// Its first event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    first: Option<Time>,
    /// That event's place in the journal.
    first_seq: u64,
    /// Its last event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last: Option<Time>,
    /// That event's place in the journal.
    last_seq: u64,
    /// The event by which it was recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    named: Option<Time>,
    /// That event's place in the journal.
    named_seq: u64,
    /// Logins told.
    logins: u64,
    /// Of these, failed for a wrong password or name.
    failed: u64,
    /// Of these, for nobody known.
    unknown: u64,
    /// About how many different addresses (of IPv6 /64): exact up to 32, above that an estimate with a standard error of 6.5 %.
    #[schema(example = 117)]
    addresses_about: u64,
    /// About how many customers were tried, those got into too: exact up to 32, above that an estimate with a standard error of 6.5 %.
    /// Of those only tried at most 32,768 are listed.
    #[schema(example = 208)]
    tried_about: u64,
    /// Customers whose password it had, whether or not a further proof stopped it.
    entered: u32,
    /// What its logins have in common, in the order in which it stood out.
    fingerprint: Vec<PrintTold>,
}

/// Something that logins have in common.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PrintTold {
    /// `network`, `client`, `ja4`, `provider_and_client`, `provider`, `country`, `abroad`, `rented`, `unknown_names` or `address`.
    what: &'static str,
    /// Which; absent where the word says it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

/// A campaign with its addresses and customers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WholeCampaign {
    #[serde(flatten)]
    campaign: CampaignTold,
    /// Its addresses, by number, at most 2,048.
    addresses: Vec<VisitorTold>,
    /// Customers in the order in which they were found, of those asked for.
    customers: Vec<MemberTold>,
    /// Ask with `from` at this for the next ones; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u32>,
}

/// An address of a campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VisitorTold {
    /// The address; of IPv6 the first of its /64.
    #[schema(example = "203.0.113.7")]
    ip: String,
    /// Logins from it.
    logins: u32,
}

/// A customer of a campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberTold {
    /// The broker's identifier.
    customer: String,
    /// First tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    first: Option<Time>,
    /// When it came with the right password, also where a further proof stopped it; absent where it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    entered: Option<Time>,
}

/// Campaigns of credential stuffing and password spraying, the newest first; the last 1,024 are kept.
#[utoipa::path(
    get, operation_id = "campaigns_list", path = "/v1/campaigns", tag = "campaigns", params(ListQuery),
    responses((status = 200, body = CampaignsTold, description = "The campaigns"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    asked: Asked<ListQuery>,
) -> Result<Json<CampaignsTold>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let asked = query(asked)?;
    let (before, limit) = (asked.before.unwrap_or(u32::MAX), limit(asked.limit)?);
    if before == 0 {
        return Err(Problem::invalid_parameter(
            "before",
            "came as 0; allowed: from 1, `next` of the page before",
        ));
    }
    let japanese = prefers_japanese(&headers);
    let look = move |state: &engine::State, _: &engine::Policy| {
        let campaigns = state.campaigns();
        let mut told: Vec<CampaignTold> = campaigns
            .newest(before)
            .take(limit.saturating_add(1))
            .map(|campaign| CampaignTold::new(campaigns, campaign, japanese))
            .collect();
        let more = told.len() > limit;
        told.truncate(limit);
        (told, more)
    };
    let (campaigns, more) = app.sequencer.look(Vec::new(), look).await?;
    let next = campaigns.last().filter(|_| more).map(|campaign| campaign.id);
    Ok(Json(CampaignsTold { campaigns, next }))
}

/// A campaign, its addresses, and the customers it got into.
#[utoipa::path(
    get, operation_id = "campaigns_get", path = "/v1/campaigns/{id}", tag = "campaigns",
    params(("id" = u64, Path, description = "Its number", maximum = 4_294_967_295_u64, example = 1), CustomersQuery),
    responses(
        (status = 200, body = WholeCampaign, description = "The campaign"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "There is no such campaign, or it is no longer kept"),
        Refused,
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    id: Named,
    asked: Asked<CustomersQuery>,
) -> Result<Json<WholeCampaign>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let CampaignId(id) = name(id)?;
    let asked = query(asked)?;
    let only_entered = match asked.customers.as_deref() {
        None | Some("entered") => true,
        Some("tried") => false,
        Some(_) => return Err(Problem::invalid_parameter("customers", "allowed: `entered` or `tried`")),
    };
    let limit = asked.limit.unwrap_or(CUSTOMERS);
    if !(1..=CUSTOMERS_MAX).contains(&limit) {
        let problem = format!("`limit` came as {limit}; allowed: 1 to {CUSTOMERS_MAX}");
        return Err(Problem::invalid_parameter("limit", problem));
    }
    let (from, japanese) = (asked.from, prefers_japanese(&headers));
    let look = move |state: &engine::State, _: &engine::Policy| {
        let campaigns = state.campaigns();
        campaigns.get(id).map(|campaign| {
            let wanted = campaigns.members(id).filter(|member| !only_entered || member.entered_us != 0);
            let mut left = wanted.skip(place(from));
            let customers: Vec<MemberTold> = left.by_ref().take(place(limit)).map(MemberTold::new).collect();
            WholeCampaign {
                campaign: CampaignTold::new(campaigns, campaign, japanese),
                addresses: campaign.addresses.iter().map(VisitorTold::new).collect(),
                next: left.next().map(|_| from.saturating_add(limit)),
                customers,
            }
        })
    };
    let whole: Option<WholeCampaign> = app.sequencer.look(Vec::new(), look).await?;
    let absent = || {
        Problem::absent(
            "there is no campaign of this number, or it is no longer kept; all are at /v1/campaigns",
        )
    };
    whole.map(Json).ok_or_else(absent)
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// How many, said to be about so many where it is an estimate.
fn counted(many: &Distinct, about: &str) -> String {
    let word = if many.is_exact() { "" } else { about };
    format!("{word}{}", many.count())
}

impl CampaignTold {
    fn new(campaigns: &Campaigns, campaign: &Campaign, japanese: bool) -> Self {
        let (tried, addresses) = (&campaign.tried, &campaign.addresses_seen);
        let text = if japanese {
            format!(
                "{}か所の接続元から{}名のお客さまへの不正ログインの試みがあり、うち{}名は正しいパスワードによるものでした",
                counted(addresses, "約"),
                counted(tried, "約"),
                campaign.entered
            )
        } else {
            format!(
                "customers tried: {}; addresses: {}; tried with the right password: {}",
                counted(tried, "about "),
                counted(addresses, "about "),
                campaign.entered
            )
        };
        Self {
            id: campaign.id,
            status: if campaigns.is_on(campaign) { "on" } else { "over" },
            text,
            first: Time::from_us(campaign.first_us),
            first_seq: campaign.first_seq,
            last: Time::from_us(campaign.last_us),
            last_seq: campaign.last_seq,
            named: Time::from_us(campaign.named_us),
            named_seq: campaign.named_seq,
            logins: campaign.logins,
            failed: campaign.failed,
            unknown: campaign.unknown,
            addresses_about: addresses.count(),
            tried_about: tried.count(),
            entered: campaign.entered,
            fingerprint: campaign.prints.iter().map(PrintTold::new).collect(),
        }
    }
}

impl PrintTold {
    fn new(print: &Print) -> Self {
        Self {
            what: Facet::at(print.facet).map_or("", Facet::as_str),
            value: Some(print.value.clone()).filter(|value| !value.is_empty()),
        }
    }
}

impl VisitorTold {
    fn new(visitor: &Visitor) -> Self {
        Self { ip: visitor.ip.to_string(), logins: visitor.logins }
    }
}

impl MemberTold {
    fn new(member: &Member) -> Self {
        Self {
            customer: member.customer.to_string(),
            first: Time::from_us(member.first_us),
            entered: Time::from_us(member.entered_us).filter(|_| member.entered_us != 0),
        }
    }
}
