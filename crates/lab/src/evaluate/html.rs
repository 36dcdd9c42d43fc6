//! `report.html`: one page that needs nothing else, in Japanese and English. Every value is escaped by the template. Must not
//! count anything itself.

use askama::Template;

use super::figures::float;
use super::svg;
use super::{BarResult, Evaluation, Intended, Interval, Split};

#[derive(Template)]
#[template(path = "evaluate.html")]
struct Page {
    brokerages: String,
    customers: String,
    asked: String,
    bars: Vec<BarRow>,
    stopped_svg: String,
    attacks: Vec<Row>,
    campaigns: Vec<Row>,
    campaigns_told: [u64; 4],
    honest: Vec<BothRow>,
    rules: Vec<Row>,
}

struct BarRow {
    ja: &'static str,
    en: &'static str,
    measured: String,
    bar: String,
    of: u64,
    result: BarResult,
}

struct Row {
    name: String,
    cells: Vec<String>,
}

struct BothRow {
    ja: &'static str,
    en: &'static str,
    cells: Vec<String>,
}

/// The page.
pub(super) fn page(evaluation: &Evaluation) -> Result<String, askama::Error> {
    let (honest, told) = (&evaluation.honest, &evaluation.campaigns);
    let rates = [
        ("ログイン時の追加認証", "logins asked for proof", honest.login_step_up),
        ("ログインの拒否", "logins refused", honest.login_denied),
        ("出金時の追加認証", "withdrawals asked for proof", honest.withdrawal_step_up),
        ("出金の保留・拒否", "withdrawals held or refused", honest.withdrawal_stopped),
        ("変更時の追加認証", "changes asked for proof", honest.change_step_up),
        ("変更の保留・拒否", "changes held or refused", honest.change_stopped),
        ("注文時の追加認証", "orders asked for proof", honest.order_step_up),
        ("注文の保留・拒否", "orders held or refused", honest.order_stopped),
        ("すべての保留・拒否", "anything held or refused", honest.stopped),
    ];
    let page = Page {
        brokerages: evaluation.seeds.len().to_string(),
        customers: evaluation.customers.to_string(),
        asked: evaluation.asked.to_string(),
        bars: bars(evaluation),
        stopped_svg: stopped(evaluation),
        attacks: attacks(evaluation),
        campaigns: campaigns(evaluation),
        campaigns_told: [told.of_attacks, told.of_background, told.of_nobody, told.others_listed],
        honest: rates.into_iter().map(|(ja, en, rate)| BothRow { ja, en, cells: cells(rate) }).collect(),
        rules: rules(evaluation),
    };
    page.render()
}

fn bars(evaluation: &Evaluation) -> Vec<BarRow> {
    let row = |bar: &super::Bar| BarRow {
        ja: bar.ja,
        en: bar.name,
        measured: bar.per_mille.map_or("–".to_owned(), |measured| format!("{:.2} %", measured / 10.0)),
        bar: format!("{} {:.1} %", if bar.at_least { "≥" } else { "≤" }, bar.bar_per_mille / 10.0),
        of: bar.of,
        result: bar.result,
    };
    evaluation.bars.iter().map(row).collect()
}

fn share(intended: &Intended) -> f64 {
    float(intended.all.saturating_sub(intended.done)) / float(intended.all.max(1))
}

/// Per attack, what was stopped of withdrawals and of orders.
pub(super) fn stopped(evaluation: &Evaluation) -> String {
    let mut bars = Vec::new();
    for (attack, figures) in &evaluation.attacks {
        for (what, intended, limit) in
            [("", &figures.withdrawals, 0.99), (" (orders)", &figures.orders, 0.97)]
        {
            if intended.all > 0 {
                let name = format!("{attack}{what}");
                bars.push(svg::Bar { name, value: share(intended), limit: Some(limit) });
            }
        }
    }
    svg::bars("fraudulent withdrawals and orders stopped", 1.0, &bars)
}

/// What honest customers were asked, beside the bars.
pub(super) fn price(evaluation: &Evaluation) -> String {
    let bars: Vec<svg::Bar> = evaluation
        .bars
        .iter()
        .filter(|bar| !bar.at_least)
        .filter_map(|bar| {
            let name = bar.name.trim_start_matches("honest ").to_owned();
            Some(svg::Bar { name, value: bar.per_mille? / 1_000.0, limit: Some(bar.bar_per_mille / 1_000.0) })
        })
        .collect();
    svg::bars("honest customers: asked, held, refused", 0.05, &bars)
}

fn attacks(evaluation: &Evaluation) -> Vec<Row> {
    let text = |intended: &Intended| match intended.all {
        0 => "–".to_owned(),
        _ => format!("{:.1} %", share(intended) * 100.0),
    };
    let row = |(attack, figures): (&&'static str, &super::AttackFigures)| {
        let mut noticed = figures.noticed.clone();
        noticed.sort_unstable();
        let middle = noticed.get(noticed.len() / 2);
        let cells = vec![
            figures.victims.to_string(),
            figures.entered.to_string(),
            figures.victims_unharmed.to_string(),
            figures.withdrawals.all.to_string(),
            text(&figures.withdrawals),
            figures.orders.all.to_string(),
            text(&figures.orders),
            middle.map_or("–".to_owned(), |middle| format!("{}, {}", middle.event, middle.after_s)),
            if Split::unseen(attack).unwrap_or(true) { "○".to_owned() } else { String::new() },
        ];
        Row { name: (*attack).to_owned(), cells }
    };
    evaluation.attacks.iter().filter(|(_, figures)| figures.victims > 0).map(row).collect()
}

fn campaigns(evaluation: &Evaluation) -> Vec<Row> {
    let row = |(attack, counts): (&&'static str, &super::AttackCampaigns)| {
        let mut recognised = counts.recognised.clone();
        recognised.sort_unstable();
        let middle = recognised.get(recognised.len() / 2);
        let after_20th = middle.and_then(|middle| middle.after_20th_s);
        let cells = vec![
            format!("{} / {}", recognised.len(), counts.brokerages),
            middle.map_or("–".to_owned(), |middle| format!("{}, {}", middle.login, middle.after_first_s)),
            after_20th.map_or("–".to_owned(), |after_s| after_s.to_string()),
            counts.entered.to_string(),
            counts.entered_listed.to_string(),
            counts.others_listed.to_string(),
        ];
        Row { name: (*attack).to_owned(), cells }
    };
    evaluation.campaigns.attacks.iter().map(row).collect()
}

fn cells(rate: Interval) -> Vec<String> {
    vec![
        format!("{:.2}", rate.per_mille),
        format!("{:.2} – {:.2}", rate.low, rate.high),
        rate.times.to_string(),
        rate.of.to_string(),
    ]
}

fn rules(evaluation: &Evaluation) -> Vec<Row> {
    let by = |counts: [u64; 4]| counts.map(|count| count.to_string()).join("/");
    let row = |(name, work): &(String, super::RuleWork)| Row {
        name: name.clone(),
        cells: vec![
            by(work.honest_fired),
            by(work.honest_decisive),
            by(work.fraud_fired),
            by(work.fraud_decisive),
        ],
    };
    evaluation.rules.iter().map(row).collect()
}
