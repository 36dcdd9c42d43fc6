//! Keys that lie side by side, characters in order, and repetitions. Must not know why they are looked for.

/// Characters in a row that make a run.
const RUN: usize = 4;

/// Rows of keyboards: US and JIS, plain and shifted, kana, the slanting columns, and the number pad. As they are found after
/// NFKC and in lower case; both directions count.
const ROWS: &[&str] = &[
    "1234567890-=",
    "!@#$%^&*()_+",
    "qwertyuiop[]\\",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertyuiop{}|",
    "asdfghjkl:\"",
    "zxcvbnm<>?",
    "1234567890-^¥",
    "1234567890-^\\",
    "!\"#$%&'()=~|",
    "qwertyuiop@[",
    "asdfghjkl;:]",
    "zxcvbnm,./_",
    "qwertyuiop`{",
    "asdfghjkl+*}",
    "zxcvbnm<>?_",
    "ぬふあうえおやゆよわほへ",
    "たていすかんなにらせ",
    "ちとしはきくまのりれけむ",
    "つさそひこみもねるめろ",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "!qaz@wsx#edc$rfv%tgb^yhn&ujm",
    "!qaz\"wsx#edc$rfv%tgb&yhn'ujm",
    "qazwsxedcrfvtgbyhnujmik,ol.p;/",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "789456123",
    "741852963",
    "147258369",
];

/// Alphabets, and digits, in order; both directions count, and digits and letters go on from their beginning.
const ORDERS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyzabc",
    "01234567890123",
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん",
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン",
    "いろはにほへとちりぬるを",
    "イロハニホヘトチリヌルヲ",
];

/// Whether four keys that lie side by side come one after the other.
pub(super) fn has_run(text: &str) -> bool {
    has_any(text, ROWS)
}

/// Whether four characters come in the order of an alphabet, or of numbers.
pub(super) fn has_sequence(text: &str) -> bool {
    has_any(text, ORDERS)
}

fn has_any(text: &str, rows: &[&str]) -> bool {
    let characters: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let mut found = false;
    for row in rows {
        let row: Vec<char> = row.chars().collect();
        for run in row.windows(RUN) {
            for window in characters.windows(RUN) {
                found |= window == run;
                found |= window.iter().rev().eq(run.iter());
            }
        }
    }
    found
}

/// Whether one character comes four times in a row, two or three characters three times, or the whole is one part again and
/// again.
pub(super) fn has_repeat(text: &str) -> bool {
    let characters: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let has_times = |part: usize, times: usize| {
        characters.windows(part.saturating_mul(times)).fold(false, |found, window| {
            let (first, rest) = window.split_at_checked(part).unwrap_or_default();
            found | rest.chunks(part).all(|chunk| chunk == first)
        })
    };
    let is_made_of = |part: usize| {
        let first = characters.get(..part).unwrap_or_default();
        characters.len().is_multiple_of(part) && characters.chunks(part).all(|chunk| chunk == first)
    };
    let parts = (2..=characters.len() / 2).fold(false, |found, part| found | is_made_of(part));
    has_times(1, 4) | has_times(2, 3) | has_times(3, 3) | parts
}

#[cfg(test)]
mod tests {
    use super::{has_repeat, has_run, has_sequence};

    #[test]
    fn runs_of_keys_are_seen_in_both_directions_and_on_both_keyboards() {
        for text in [
            "xqwertx",
            "POIU",
            "asdf",
            "1qaz",
            "zaq1",
            "p@[x@[",
            "ytrewq",
            "!@#$",
            "!\"#$",
            "1q2w",
            "たていす",
            "7894",
            "x4rfvx",
            "l;:]",
        ] {
            assert_eq!(has_run(text), text != "p@[x@[", "{text}");
        }
        for text in ["qwe", "qwaszx", "correct horse", "a1b2c3", "さくら", ""] {
            assert!(!has_run(text), "{text}");
        }
    }

    #[test]
    fn orders_and_repetitions_are_seen() {
        for text in ["abcd", "xWXYZ", "yzab", "4567", "9876", "8901", "あいうえ", "えういあ", "いろはに"]
        {
            assert!(has_sequence(text), "{text}");
        }
        for text in ["abd", "abc", "1357", "2018", "acbd"] {
            assert!(!has_sequence(text), "{text}");
        }
        for text in ["aaaa", "xAaAa", "ababab", "blueblue", "abc12abc12", "日本日本", "123123123x"] {
            assert!(has_repeat(text), "{text}");
        }
        for text in ["aaa", "abab1", "bluegreen", "a", "", "abcabcd"] {
            assert!(!has_repeat(text), "{text}");
        }
    }
}
