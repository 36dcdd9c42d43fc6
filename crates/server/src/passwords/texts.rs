//! Advice in words, from `config/locales`. Must not know when it is given.

use std::sync::LazyLock;

use hashbrown::HashMap;
use stepup::password::{Judgement, Profile, Rule};

/// Of every rule; a test holds them to be there.
static TEXTS: LazyLock<[HashMap<String, String>; 2]> =
    LazyLock::new(|| history::locales::texts("password.rule"));

/// What a customer is told of a rule that is broken.
#[must_use]
pub fn text(rule: Rule, judgement: &Judgement, profile: &Profile, japanese: bool) -> String {
    let [ja, en] = &*TEXTS;
    let text = if japanese { ja } else { en }.get(rule.as_str()).map_or(rule.as_str(), String::as_str);
    text.replace("{min}", &judgement.length_min.to_string()).replace("{max}", &profile.length_max.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Judgement, Profile, Rule, TEXTS, text};

    #[test]
    fn every_rule_has_a_text_in_both_languages() {
        let judgement = Judgement { score: 0, findings: Vec::new(), length_min: 15 };
        for rule in Rule::ALL {
            for (texts, japanese) in TEXTS.iter().zip([true, false]) {
                assert!(texts.contains_key(rule.as_str()), "{rule}");
                let text = text(*rule, &judgement, &Profile::default(), japanese);
                assert!(!text.contains(['{', '}']) && text.is_ascii() != japanese, "{text}");
            }
        }
        assert_eq!(TEXTS.each_ref().map(|texts| texts.len()), [Rule::ALL.len(); 2]);
    }
}
