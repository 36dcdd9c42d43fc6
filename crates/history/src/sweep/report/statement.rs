//! The statement that a broker can publish, in figures of this sweep. It never says that there was no damage while an alarm
//! or a review is open, and it says what could not be known. Must not know how it is laid out.

use model::EventKind;

use super::kind;
use super::words::{Both, both, clock, fill, is_known, moment, number};
use crate::sweep::Summary;
use crate::sweep::summary::{NotKnown, Verdicts};

/// The whole statement.
pub(super) fn statement(summary: &Summary, broker: Option<&str>) -> Both {
    let who = broker.map_or_else(|| both("statement.we"), |name| Both::same(name.to_owned()));
    let verdicts = summary.judged.as_ref().map(|judged| judged.verdicts).unwrap_or_default();
    let mut sentences = vec![examined(summary, who), compared(summary)];
    sentences.push(fill(
        "statement.agree",
        &[("clear", number(verdicts.clear)), ("explained", number(verdicts.explained))],
    ));
    sentences.extend(result(verdicts));
    sentences.extend(limits(&summary.unknowns));
    sentences.push(both("statement.zone"));
    // Japanese sentences stand without a space between them.
    Both::join(&sentences, &Both { ja: "".into(), en: " ".into() })
}

fn examined(summary: &Summary, who: Both) -> Both {
    let procedures = &summary.procedures;
    let kinds: Vec<Both> = procedures
        .kinds
        .iter()
        .filter_map(|(name, count)| {
            let kind = kind(EventKind::from_word(name)?);
            Some(fill("statement.kind", &[("kind", kind), ("n", number(*count))]))
        })
        .collect();
    let clock_of = |time: Option<model::Time>| clock(time.map_or(0, model::Time::as_us));
    fill(
        "statement.examined",
        &[
            ("n", number(procedures.count)),
            ("first", clock_of(procedures.earliest)),
            ("last", clock_of(procedures.latest)),
            ("kinds", Both::join(&kinds, &both("statement.separator"))),
            // Last, so that a name with braces in it stays as it is.
            ("who", who),
        ],
    )
}

fn compared(summary: &Summary) -> Both {
    let history = &summary.history;
    let from = history.first.or(summary.window.from);
    match (from, history.last) {
        (Some(from), Some(last)) if history.rows_scanned > 0 => {
            let key = if history.rows_exact { "statement.compared" } else { "statement.compared_at_most" };
            let values = [
                ("n", number(history.rows_scanned)),
                ("from", clock(from.as_us())),
                ("to", clock(last.as_us())),
            ];
            fill(key, &values)
        }
        _ => both("statement.compared_none"),
    }
}

fn result(verdicts: Verdicts) -> Vec<Both> {
    let values = [("alarm", number(verdicts.alarm)), ("review", number(verdicts.review))];
    let keys: &[&str] = match (verdicts.alarm, verdicts.review) {
        (0, 0) => &["statement.nothing"],
        (0, _) => &["statement.review"],
        (_, 0) => &["statement.alarms"],
        _ => &["statement.alarms", "statement.alarms_review"],
    };
    keys.iter().map(|key| fill(key, &values)).collect()
}

fn limits(unknowns: &[NotKnown]) -> Option<Both> {
    // User agents are shown to people; no verdict rests on them.
    let concern = unknowns.iter().filter(|each| !each.code.starts_with("user_agents."));
    let list: Vec<Both> = concern.map(|each| told("unknown_short", each, clock)).collect();
    let text = Both::join(&list, &both("unknown_short.separator"));
    (!list.is_empty()).then(|| fill("unknown_short.lead", &[("list", text)]))
}

/// What could not be known, and what that means.
pub(super) fn unknown(unknown: &NotKnown) -> Both {
    told("unknown", unknown, moment)
}

/// What could not be known, in the words of a table of texts; a code that it lacks is told in English.
fn told(table: &str, unknown: &NotKnown, time_text: fn(i64) -> Both) -> Both {
    let key = format!("{table}.{}", unknown.code);
    if !is_known(&key) {
        return Both::same(unknown.text.clone());
    }
    let mut values = vec![("n", number(unknown.procedures.unwrap_or(0)))];
    values.extend(unknown.time.map(|time| ("time", time_text(time.as_us()))));
    fill(&key, &values)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::result;
    use crate::sweep::summary::Verdicts;

    fn check(alarm: u64, review: u64, expected: &Expect) {
        let sentences = result(Verdicts { alarm, review, ..Verdicts::default() });
        let text: Vec<String> =
            sentences.iter().flat_map(|both| [both.en.to_string(), both.ja.to_string()]).collect();
        expected.assert_eq(&text.join("\n"));
    }

    #[test]
    fn no_damage_is_claimed_only_when_nothing_is_open() {
        check(
            0,
            0,
            &expect![[r#"
            No procedure raised an alarm and none is left to be examined by staff. Within what these records show, no damage from unauthorised procedures was found.
            不正の疑いがあると判定した手続はなく、担当者による確認を要する手続も残っていません。これらの記録から分かる範囲では、不正な手続による被害は確認されませんでした。"#]],
        );
        check(
            0,
            1_200,
            &expect![[r#"
                No procedure raised an alarm. Still being examined by our staff: 1,200; until that is done, damage to customers cannot be ruled out.
                不正の疑いが強いと判定した手続はありませんでしたが、1,200 件を担当者が確認しており、確認が終わるまで被害がないとは申し上げられません。"#]],
        );
        check(
            5,
            0,
            &expect![[r#"
            Alarms: 5. These procedures are treated as unauthorised until shown otherwise.
            5 件については、そうでないことが確かめられるまで、不正な手続として取り扱っています。"#]],
        );
        check(
            5,
            20,
            &expect![[r#"
                Alarms: 5. These procedures are treated as unauthorised until shown otherwise.
                5 件については、そうでないことが確かめられるまで、不正な手続として取り扱っています。
                Still being examined by our staff: 20.
                このほか 20 件を担当者が確認しています。"#]],
        );
    }
}
