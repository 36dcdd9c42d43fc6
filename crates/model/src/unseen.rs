//! Signs of a text that nobody sees, and that make it read as another one (Unicode Technical Report 36, section 2.9; Unicode Standard
//! Annex 9). Must not know what a text is.

use std::ops::RangeInclusive;

/// Whether it turns the direction of the text around it.
#[must_use]
pub const fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What shows nothing: the code points that are ignored by default (Unicode Standard, section 5.21; `Default_Ignorable_Code_Point`),
/// marks of annotation, and the pattern of no dots. Joiners and selectors of variants are told apart.
const OF_NO_WIDTH: [RangeInclusive<char>; 16] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200b}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e00ff}',
    '\u{e01f0}'..='\u{e0fff}',
];

/// Joiners and selectors of variants, without which some scripts, names and pictures are not what they are: they show nothing themselves.
const OF_VARIANTS: [RangeInclusive<char>; 3] =
    ['\u{200c}'..='\u{200d}', '\u{fe00}'..='\u{fe0f}', '\u{e0100}'..='\u{e01ef}'];

fn is_of(ranges: &[RangeInclusive<char>], c: char) -> bool {
    ranges.iter().any(|signs| signs.contains(&c))
}

fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The text with a sign that is seen, `�`, for each that is not: what turns its direction, breaks its lines or takes no room.
#[must_use]
pub fn visible(text: &str) -> String {
    let seen = |c| if is_of(&OF_VARIANTS, c) { char::REPLACEMENT_CHARACTER } else { c };
    visible_name(text).chars().map(seen).collect()
}

/// The same for what people call themselves and their things: joiners and selectors of variants stay where they are of use, behind what
/// is not ASCII.
#[must_use]
pub fn visible_name(text: &str) -> String {
    let mut before = ' ';
    let seen = |c: char| {
        let varies =
            !before.is_ascii() && !is_of(&OF_VARIANTS, before) || before == '\u{fe0f}' && c == '\u{200d}';
        before = c;
        let hides = turns(c) || breaks(c) || is_of(&OF_NO_WIDTH, c) || is_of(&OF_VARIANTS, c) && !varies;
        if hides { char::REPLACEMENT_CHARACTER } else { c }
    };
    text.chars().map(seen).collect()
}

/// Whether anything of a text is seen.
#[must_use]
pub fn shows(text: &str) -> bool {
    let hidden = |c: char| {
        c.is_whitespace() || turns(c) || breaks(c) || is_of(&OF_NO_WIDTH, c) || is_of(&OF_VARIANTS, c)
    };
    !text.chars().all(hidden)
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
