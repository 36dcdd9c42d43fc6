//! Signs of a text that nobody sees, and that make it read as another one (Unicode Technical Report 36, section 2.9; Unicode Standard
//! Annex 9). Must not know what a text is.

use icu_properties::CodePointSetData;
use icu_properties::props::{DefaultIgnorableCodePoint, JoinControl, VariationSelector};

/// Whether nothing of it is seen but what it does to the text around it: turn its direction, break its lines, or nothing at all.
fn hides(c: char) -> bool {
    // Marks of annotation, and the pattern of no dots, are not ignored by default, and show as little.
    let shows_nothing = matches!(c, '\u{2028}' | '\u{2029}' | '\u{2800}' | '\u{fff9}'..='\u{fffb}');
    c.is_control() || shows_nothing || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Joiners and selectors of variants, without which some scripts, names and pictures are not what they are.
fn varies(c: char) -> bool {
    CodePointSetData::new::<JoinControl>().contains(c)
        || CodePointSetData::new::<VariationSelector>().contains(c)
}

/// The text with a sign that is seen, `�`, for each that is not.
#[must_use]
pub fn visible(text: &str) -> String {
    text.chars().map(|c| if hides(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The same for what people call themselves and their things: joiners and selectors of variants stay where they are of use, behind what
/// is not ASCII.
#[must_use]
pub fn visible_name(text: &str) -> String {
    let mut before = ' ';
    let seen = |c: char| {
        // A picture may be told to be one, and then joined to the next.
        let may_vary = !before.is_ascii() && !hides(before) || (before, c) == ('\u{fe0f}', '\u{200d}');
        before = c;
        if hides(c) && !(varies(c) && may_vary) { char::REPLACEMENT_CHARACTER } else { c }
    };
    text.chars().map(seen).collect()
}

/// Whether anything of a text is seen.
#[must_use]
pub fn shows(text: &str) -> bool {
    !text.chars().all(|c| c.is_whitespace() || hides(c))
}

#[cfg(test)]
mod tests {
    use super::{shows, visible, visible_name};

    #[test]
    fn what_is_not_seen_is_shown() {
        for (text, shown) in [
            ("\u{202e}pj.elpmaxe@orat", "�pj.elpmaxe@orat"),
            ("090\u{200b}1111\u{2028}2222\n", "090�1111�2222�"),
            ("7203\u{3164}\u{206a}\u{fff9}", "7203���"),
            ("a\u{180b}\u{17b4}\u{1bca0}\u{1d173}\u{fff0}\u{e0080}\u{2800}", "a�������"),
            ("taro\u{200d}@例\u{200d}.jp\u{fe0f}", "taro�@例�.jp�"),
            ("ヤマダ タロウ", "ヤマダ タロウ"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn names_keep_what_belongs_to_them() {
        for name in ["👩\u{200d}👧 山田", "葛\u{e0100}城", "❤\u{fe0f}\u{200d}🔥", "می\u{200c}خواهم"]
        {
            assert_eq!(visible_name(name), name);
        }
        for (name, shown) in [
            ("my\u{200d} key", "my� key"),
            ("\u{fe0f}key", "�key"),
            ("鍵\u{200d}\u{200d}", "鍵\u{200d}�"),
            ("key\u{202e}", "key�"),
        ] {
            assert_eq!(visible_name(name), shown);
        }
    }

    #[test]
    fn a_text_of_nothing_shows_nothing() {
        for text in ["", " \u{3000}", "\u{2800}\u{3164}", "\u{200d}\u{fe0f}\n"] {
            assert!(!shows(text), "{text:?}");
        }
        assert!(shows("\u{200d}鍵"));
    }
}
