//! Kana as romaji, and romaji folded, so that every way to write a name in Latin letters is one: Shinichi and Sinniti, Ohno
//! and Ōno and Ono. What is folded is only compared. Must not know passwords.

use super::placed::Placed;

/// Hepburn and other spellings, and what stands for them (the Kunrei spelling); longer ones first.
const SPELLINGS: &[(&str, &str)] = &[
    ("ccha", "tya"),
    ("cchi", "ti"),
    ("cchu", "tyu"),
    ("ccho", "tyo"),
    ("tcha", "tya"),
    ("tchi", "ti"),
    ("tchu", "tyu"),
    ("tcho", "tyo"),
    ("sha", "sya"),
    ("shi", "si"),
    ("shu", "syu"),
    ("sho", "syo"),
    ("cha", "tya"),
    ("chi", "ti"),
    ("chu", "tyu"),
    ("cho", "tyo"),
    ("tsu", "tu"),
    ("jya", "zya"),
    ("jyu", "zyu"),
    ("jyo", "zyo"),
    ("ja", "zya"),
    ("ji", "zi"),
    ("ju", "zyu"),
    ("jo", "zyo"),
    ("fu", "hu"),
    ("du", "zu"),
    ("di", "zi"),
    ("wo", "o"),
    ("mb", "nb"),
    ("mp", "np"),
    ("mm", "nm"),
];

/// Katakana with what stands for it; two characters before one.
const KANA: &[(&str, &str)] = &[
    ("キャ", "kya"),
    ("キュ", "kyu"),
    ("キョ", "kyo"),
    ("シャ", "sya"),
    ("シュ", "syu"),
    ("ショ", "syo"),
    ("チャ", "tya"),
    ("チュ", "tyu"),
    ("チョ", "tyo"),
    ("ニャ", "nya"),
    ("ニュ", "nyu"),
    ("ニョ", "nyo"),
    ("ヒャ", "hya"),
    ("ヒュ", "hyu"),
    ("ヒョ", "hyo"),
    ("ミャ", "mya"),
    ("ミュ", "myu"),
    ("ミョ", "myo"),
    ("リャ", "rya"),
    ("リュ", "ryu"),
    ("リョ", "ryo"),
    ("ギャ", "gya"),
    ("ギュ", "gyu"),
    ("ギョ", "gyo"),
    ("ジャ", "zya"),
    ("ジュ", "zyu"),
    ("ジョ", "zyo"),
    ("ビャ", "bya"),
    ("ビュ", "byu"),
    ("ビョ", "byo"),
    ("ピャ", "pya"),
    ("ピュ", "pyu"),
    ("ピョ", "pyo"),
    ("ア", "a"),
    ("イ", "i"),
    ("ウ", "u"),
    ("エ", "e"),
    ("オ", "o"),
    ("カ", "ka"),
    ("キ", "ki"),
    ("ク", "ku"),
    ("ケ", "ke"),
    ("コ", "ko"),
    ("サ", "sa"),
    ("シ", "si"),
    ("ス", "su"),
    ("セ", "se"),
    ("ソ", "so"),
    ("タ", "ta"),
    ("チ", "ti"),
    ("ツ", "tu"),
    ("テ", "te"),
    ("ト", "to"),
    ("ナ", "na"),
    ("ニ", "ni"),
    ("ヌ", "nu"),
    ("ネ", "ne"),
    ("ノ", "no"),
    ("ハ", "ha"),
    ("ヒ", "hi"),
    ("フ", "hu"),
    ("ヘ", "he"),
    ("ホ", "ho"),
    ("マ", "ma"),
    ("ミ", "mi"),
    ("ム", "mu"),
    ("メ", "me"),
    ("モ", "mo"),
    ("ヤ", "ya"),
    ("ユ", "yu"),
    ("ヨ", "yo"),
    ("ラ", "ra"),
    ("リ", "ri"),
    ("ル", "ru"),
    ("レ", "re"),
    ("ロ", "ro"),
    ("ワ", "wa"),
    ("ヲ", "o"),
    ("ン", "n"),
    ("ガ", "ga"),
    ("ギ", "gi"),
    ("グ", "gu"),
    ("ゲ", "ge"),
    ("ゴ", "go"),
    ("ザ", "za"),
    ("ジ", "zi"),
    ("ズ", "zu"),
    ("ゼ", "ze"),
    ("ゾ", "zo"),
    ("ダ", "da"),
    ("ヂ", "zi"),
    ("ヅ", "zu"),
    ("デ", "de"),
    ("ド", "do"),
    ("バ", "ba"),
    ("ビ", "bi"),
    ("ブ", "bu"),
    ("ベ", "be"),
    ("ボ", "bo"),
    ("パ", "pa"),
    ("ピ", "pi"),
    ("プ", "pu"),
    ("ペ", "pe"),
    ("ポ", "po"),
    ("ァ", "a"),
    ("ィ", "i"),
    ("ゥ", "u"),
    ("ェ", "e"),
    ("ォ", "o"),
    ("ャ", "ya"),
    ("ュ", "yu"),
    ("ョ", "yo"),
    ("ヴ", "bu"),
    // A small tsu doubles what follows, and a bar lengthens what came: folded, both are nothing.
    ("ッ", ""),
    ("ー", ""),
];

/// The spelling at the beginning of `rest`, how many characters it has, and what stands for it.
fn spelled<'t>(rest: &[char], table: &'t [(&str, &str)]) -> Option<(usize, &'t str)> {
    table.iter().find_map(|(spelling, meant)| {
        let count = spelling.chars().count();
        let begins = rest.get(..count)?.iter().copied().eq(spelling.chars());
        begins.then_some((count, *meant))
    })
}

/// Letters folded. Everything else stays as it is.
pub(super) fn fold(form: &[Placed]) -> Vec<Placed> {
    let characters: Vec<char> = form.iter().map(|placed| placed.character).collect();
    let mut folded: Vec<Placed> = Vec::with_capacity(form.len());
    let mut at = 0;
    while let Some(placed) = form.get(at) {
        let rest = characters.get(at..).unwrap_or_default();
        let (count, meant) = match spelled(rest, SPELLINGS) {
            Some((count, meant)) => (count, Some(meant)),
            None => (1, None),
        };
        let other = form.get(at.saturating_add(count).saturating_sub(1)).unwrap_or(placed);
        // A candidate may be read backwards.
        let (start, end) = (placed.start.min(other.start), placed.end.max(other.end));
        let mut push = |character: char| match folded.last_mut() {
            // Doubled letters are one: long vowels, and what a small tsu doubles.
            Some(last) if last.character == character && character.is_ascii_alphabetic() => {
                (last.start, last.end) = (last.start.min(start), last.end.max(end));
            }
            _ => folded.push(Placed { character, start, end }),
        };
        match meant {
            Some(meant) => meant.chars().for_each(&mut push),
            None if only_lengthens(rest, &characters, at) => {}
            None => push(plain(placed.character)),
        }
        at = at.saturating_add(count);
    }
    folded
}

/// Whether the `h` or `u` here only lengthens an `o`: Ohno, Satoh, Satou.
fn only_lengthens(rest: &[char], characters: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| characters.get(at));
    let after = rest.get(1).copied().unwrap_or(' ');
    let lengthens = match rest.first() {
        Some('h') => !"aiueoy".contains(after),
        first => first == Some(&'u'),
    };
    lengthens && before == Some(&'o')
}

/// A letter without its bar.
fn plain(character: char) -> char {
    match character {
        'ā' | 'â' => 'a',
        'ī' | 'î' => 'i',
        'ū' | 'û' => 'u',
        'ē' | 'ê' => 'e',
        'ō' | 'ô' => 'o',
        other => other,
    }
}

/// Folded, of a text that is no candidate.
pub(super) fn folded(text: &str) -> Vec<char> {
    let form: Vec<Placed> = text
        .chars()
        .enumerate()
        .map(|(place, character)| Placed { character, start: place, end: place })
        .collect();
    fold(&form).iter().map(|placed| placed.character).collect()
}

/// Romaji of kana, `None` where something else is in it. Takes what NFKC makes of half-width kana.
pub(super) fn of_kana(text: &str) -> Option<String> {
    let characters: Vec<char> = text.chars().map(katakana).collect();
    let mut romaji = String::new();
    let mut at = 0;
    while at < characters.len() {
        let (count, meant) = spelled(characters.get(at..).unwrap_or_default(), KANA)?;
        romaji.push_str(meant);
        at = at.saturating_add(count);
    }
    Some(romaji).filter(|romaji| !romaji.is_empty())
}

/// Hiragana to katakana: the two blocks lie 0x60 apart.
fn katakana(character: char) -> char {
    if ('ぁ'..='ゖ').contains(&character) {
        char::from_u32(u32::from(character).saturating_add(0x60)).unwrap_or(character)
    } else {
        character
    }
}

#[cfg(test)]
mod tests {
    use super::{folded, of_kana};

    fn text(name: &str) -> String {
        folded(name).into_iter().collect()
    }

    #[test]
    fn every_way_to_write_a_name_is_one() {
        for (kana, spellings) in [
            ("しんいち", ["shinichi", "sinichi", "shin'ichi"].as_slice()),
            ("オオノ", &["ohno", "oono", "ono", "ōno"]),
            ("サトウ", &["satou", "satoh", "sato", "satō"]),
            ("フジ", &["fuji", "huji", "huzi"]),
            ("ハットリ", &["hattori", "hatori"]),
            ("ジュンコ", &["junko", "jyunko", "zyunko"]),
            ("ショウヘイ", &["shohei", "shouhei", "syohei"]),
            ("ボッチャン", &["bocchan", "botchan", "bottyan"]),
        ] {
            let romaji = of_kana(kana).unwrap();
            for spelling in spellings {
                assert_eq!(text(spelling).replace('\'', ""), text(&romaji), "{kana} {spelling}");
            }
        }
        assert_ne!(text("yamada"), text("yamada2"));
        assert_eq!(of_kana("山田"), None);
        assert_eq!(of_kana(""), None);
    }
}
