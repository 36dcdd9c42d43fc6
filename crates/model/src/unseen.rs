//! Signs of a text that nobody sees, and that make it read as another one (Unicode Technical Report 36, section 2.9; Unicode Standard
//! Annex 9). Must not know what a text is.

use std::ops::RangeInclusive;

/// Whether it turns the direction of the text around it.
#[must_use]
pub const fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What takes no room: hyphens and spaces of no width, fillers, marks of annotation, tags. Joiners are not among them, without which some
/// scripts and pictures are not what they are.
const OF_NO_WIDTH: [RangeInclusive<char>; 12] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{115f}'..='\u{1160}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200b}',
    '\u{2060}'..='\u{2065}',
    '\u{206a}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff9}'..='\u{fffb}',
    '\u{e0000}'..='\u{e007f}',
];

/// The text with a sign that is seen, `�`, for each that is not: what turns its direction, breaks its lines or takes no room.
#[must_use]
pub fn visible(text: &str) -> String {
    let takes_no_room = |c| OF_NO_WIDTH.iter().any(|signs| signs.contains(&c));
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let seen = |c| if turns(c) || takes_no_room(c) || breaks(c) { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_is_not_seen_is_shown() {
        for (text, shown) in [
            ("\u{202e}pj.elpmaxe@orat", "�pj.elpmaxe@orat"),
            ("090\u{200b}1111\u{2028}2222\n", "090�1111�2222�"),
            ("7203\u{3164}\u{206a}\u{fff9}", "7203���"),
            ("ヤマダ タロウ", "ヤマダ タロウ"),
            ("👩\u{200d}👧 山田", "👩\u{200d}👧 山田"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }
}
