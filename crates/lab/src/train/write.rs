//! A model and its rules as a part of a policy, in TOML. Must not know how it was trained.

use std::fmt::Write as _;

use engine::policy::{Band, Card, Model, Scored};
use engine::signal::Signal;

use crate::evaluate::Group;

/// The points of a model's rule: proof is asked for, and with another rule's more.
const RULE_POINTS: u16 = 30;

/// Signals of which a model's rule needs one: a model alone must not decide.
pub(super) const RULE_SIGNALS: [Signal; 2] = [Signal::NetNewForCustomer, Signal::DeviceNewForCustomer];

/// The part: to be appended to a policy.
pub(super) fn part(model: &Model, rules: &[(Group, i32)]) -> String {
    let mut text = format!(
        "# A learned model and the rules that ask for it: append this to a policy. Made by\n#   {}\n# Its digest is {}. See docs/learning.md.\n\n\
         [model]\nversion = 1\ntrained = {}\n",
        one_line(&model.trained),
        model.digest(),
        quoted(&model.trained)
    );
    for card in &model.cards {
        write_card(&mut text, card);
    }
    for (group, from) in rules {
        write_rule(&mut text, *group, *from);
    }
    text
}

fn write_card(text: &mut String, card: &Card) {
    let kinds: Vec<String> = card.kinds.iter().map(|kind| quoted(kind.as_str())).collect();
    let _infallible =
        write!(text, "\n[[model.card]]\nkinds = [{}]\nbase = {}\nsignals = [\n", kinds.join(", "), card.base);
    for Scored { signal, bounds, points } in &card.signals {
        let bounds: Vec<String> = bounds.iter().map(|bound| format!("{bound:?}")).collect();
        let points: Vec<String> = points.iter().map(ToString::to_string).collect();
        let _infallible = writeln!(
            text,
            "  {{ signal = {}, bounds = [{}], points = [{}] }},",
            quoted(signal.name()),
            bounds.join(", "),
            points.join(", ")
        );
    }
    text.push_str("]\nbands = [\n");
    for Band { from, questions, fraud } in &card.bands {
        let _infallible = writeln!(text, "  {{ from = {from}, questions = {questions}, fraud = {fraud} }},");
    }
    text.push_str("]\n");
}

fn write_rule(text: &mut String, group: Group, from: i32) {
    let kinds: Vec<String> = super::kinds(group).iter().map(|kind| quoted(kind.as_str())).collect();
    let _infallible = write!(
        text,
        "\n[[rule]]\nname = \"model_{}\"\nkinds = [{}]\n\
         when = \"({}) && signal.model.risk >= {from}.0\"\n\
         points = {RULE_POINTS}\n\
         reason = {{ ja = \"学習した判定モデルが、普段と異なる点の重なりを示しています\", en = \"A learned model finds much that is unlike this customer at once\" }}\n",
        group.as_str(),
        kinds.join(", "),
        RULE_SIGNALS.map(|signal| format!("signal.{}", signal.name())).join(" || ")
    );
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
