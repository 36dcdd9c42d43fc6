//! Holder names in kana, and the form in which two of them are compared.
//!
//! Banks, brokers and customers write one name in many ways: half-width kana, small kana as large ones (the Zengin
//! format has no small kana), `ー` or a hyphen or a doubled vowel, `株式会社` or `カ)`. [`HolderName::comparable`] folds these.
//! It must not decide anything: equal names do not clear a withdrawal (accounts opened with forged papers carry the
//! victim's own name), and unequal ones are only a reason to look.

use unicode_normalization::UnicodeNormalization;

crate::wire::text! {
    /// The holder's name as it came, at most 192 bytes.
    HolderName, "holder", 192
}

/// Legal forms: as written out in kanji, written out in kana, and the Zengin abbreviation.
const LEGAL_FORMS: &[(&str, &str, &str)] = &[
    ("有限責任中間法人", "ユウゲンセキニンチユウカンホウジン", "チユウ"),
    ("特定非営利活動法人", "トクテイヒエイリカツドウホウジン", "トクヒ"),
    ("社会福祉法人", "シヤカイフクシホウジン", "フク"),
    ("行政書士法人", "ギヨウセイシヨシホウジン", "ギヨ"),
    ("司法書士法人", "シホウシヨシホウジン", "シホウ"),
    ("独立行政法人", "ドクリツギヨウセイホウジン", "ドク"),
    ("農事組合法人", "ノウジクミアイホウジン", "ノウ"),
    ("一般財団法人", "イツパンザイダンホウジン", "ザイ"),
    ("公益財団法人", "コウエキザイダンホウジン", "ザイ"),
    ("一般社団法人", "イツパンシヤダンホウジン", "シヤ"),
    ("公益社団法人", "コウエキシヤダンホウジン", "シヤ"),
    ("弁護士法人", "ベンゴシホウジン", "ベン"),
    ("税理士法人", "ゼイリシホウジン", "ゼイ"),
    ("医療法人", "イリヨウホウジン", "イ"),
    ("財団法人", "ザイダンホウジン", "ザイ"),
    ("社団法人", "シヤダンホウジン", "シヤ"),
    ("宗教法人", "シユウキヨウホウジン", "シユウ"),
    ("学校法人", "ガツコウホウジン", "ガク"),
    ("株式会社", "カブシキガイシヤ", "カ"),
    ("有限会社", "ユウゲンガイシヤ", "ユ"),
    ("合名会社", "ゴウメイガイシヤ", "メ"),
    ("合資会社", "ゴウシガイシヤ", "シ"),
    ("合同会社", "ゴウドウガイシヤ", "ド"),
    ("相互会社", "ソウゴガイシヤ", "ソ"),
];

impl HolderName {
    /// The form for comparison: NFKC, katakana, large kana, long vowels written as vowels, no spaces or punctuation, and
    /// a legal form as `カ)` in front or `(カ` behind, whichever side it stood on. None where letters other than kana and Latin
    /// ones are left, or nothing: a name in kanji has no one reading, so nothing can be said of whether it is another name.
    #[must_use]
    pub fn comparable(&self) -> Option<String> {
        let form = comparable(self.as_str());
        let readable =
            |letter: char| letter.is_ascii() || KATAKANA.contains(&letter) || !letter.is_alphabetic();
        (form.chars().any(char::is_alphabetic) && form.chars().all(readable)).then_some(form)
    }

    /// Whether two names are the same name written differently.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.comparable().is_some_and(|form| other.comparable().is_some_and(|other| form == other))
    }
}

/// The block of katakana.
const KATAKANA: std::ops::RangeInclusive<char> = '\u{30a0}'..='\u{30ff}';

fn comparable(name: &str) -> String {
    let large: String =
        name.nfkc().map(katakana).map(large_kana).filter(|character| !is_gap(*character)).collect();
    let (front, body, behind) = split_legal_form(&large);
    let body: String = body
        .chars()
        .filter(|character| !matches!(character, '(' | ')' | '.' | ',' | '/' | '「' | '」'))
        .collect();
    let mut out = String::with_capacity(body.len() + 8);
    if let Some(form) = front {
        out.push_str(form);
        out.push(')');
    }
    out.push_str(&vowels_written_out(&body));
    if let Some(form) = behind {
        out.push('(');
        out.push_str(form);
    }
    out.to_uppercase()
}

/// Hiragana to katakana: the two blocks lie 0x60 apart.
fn katakana(character: char) -> char {
    if ('ぁ'..='ゖ').contains(&character) {
        char::from_u32(u32::from(character).saturating_add(0x60)).unwrap_or(character)
    } else {
        character
    }
}

/// Small kana to large, rare kana to common, every kind of dash to the long vowel mark.
fn large_kana(character: char) -> char {
    match character {
        'ァ' => 'ア',
        'ィ' => 'イ',
        'ゥ' => 'ウ',
        'ェ' => 'エ',
        'ォ' | 'ヲ' => 'オ',
        'ッ' => 'ツ',
        'ャ' => 'ヤ',
        'ュ' => 'ユ',
        'ョ' => 'ヨ',
        'ヮ' => 'ワ',
        'ヵ' => 'カ',
        'ヶ' => 'ケ',
        'ヂ' => 'ジ',
        'ヅ' => 'ズ',
        'ヰ' => 'イ',
        'ヱ' => 'エ',
        'ヴ' => 'ブ',
        '-' | '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '─' | '〜' | '~' => 'ー',
        other => other,
    }
}

fn is_gap(character: char) -> bool {
    character.is_whitespace() || matches!(character, '・' | '･' | '\u{200b}')
}

/// Takes a legal form off the front or the back of a name, in any of its three spellings.
fn split_legal_form(name: &str) -> (Option<&'static str>, &str, Option<&'static str>) {
    for (kanji, kana, short) in LEGAL_FORMS {
        for spelling in [*kanji, *kana] {
            if let Some(rest) = name.strip_prefix(spelling) {
                return (Some(short), rest, None);
            }
            if let Some(rest) = name.strip_suffix(spelling) {
                return (None, rest, Some(short));
            }
        }
        let first_kanji = kanji.chars().next().unwrap_or_default();
        for front in [format!("{short})"), format!("({short})"), format!("({first_kanji})")] {
            if let Some(rest) = name.strip_prefix(front.as_str()) {
                return (Some(short), rest, None);
            }
        }
        for behind in [format!("({short}"), format!("({short})"), format!("({first_kanji})")] {
            if let Some(rest) = name.strip_suffix(behind.as_str()) {
                return (None, rest, Some(short));
            }
        }
    }
    (None, name, None)
}

/// Writes `ー` as the vowel it lengthens, and ウ after an o-sound and イ after an e-sound as that vowel: タロー, タロウ and
/// タロオ are one spelling, ケーコ and ケイコ another.
fn vowels_written_out(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut vowel = None;
    for character in name.chars() {
        let written = match (character, vowel) {
            ('ー', Some(vowel)) => vowel,
            ('ー', None) => continue,
            ('ウ', Some('オ')) => 'オ',
            ('イ', Some('エ')) => 'エ',
            (other, _) => other,
        };
        vowel = vowel_of(written);
        out.push(written);
    }
    out
}

fn vowel_of(kana: char) -> Option<char> {
    const ROWS: [(char, &str); 5] = [
        ('ア', "アカサタナハマヤラワガザダバパ"),
        ('イ', "イキシチニヒミリギジビピ"),
        ('ウ', "ウクスツヌフムユルグズブプ"),
        ('エ', "エケセテネヘメレゲゼデベペ"),
        ('オ', "オコソトノホモヨロゴゾドボポ"),
    ];
    ROWS.iter().find(|(_, row)| row.contains(kana)).map(|(vowel, _)| *vowel)
}

#[cfg(test)]
mod tests {
    use super::{HolderName, comparable};

    #[test]
    fn the_same_name_in_many_spellings() {
        let groups: &[&[&str]] = &[
            &["ヤマダ タロウ", "ﾔﾏﾀﾞ ﾀﾛｳ", "ヤマダ　タロー", "やまだ たろう", "ﾔﾏﾀﾞ ﾀﾛｰ", "ヤマダ・タロオ"],
            &["キョウコ", "キヨウコ", "ｷﾖｳｺ", "キョーコ"],
            &["ハットリ", "ハツトリ", "ﾊﾂﾄﾘ"],
            &["オオタ ケイコ", "オータ ケーコ"],
            &[
                "ｶ)ﾐﾗｲｼﾖｳｹﾝ",
                "株式会社ミライショウケン",
                "㈱ミライショウケン",
                "カブシキガイシャ ミライショウケン",
                "（カ）ミライシヨウケン",
            ],
            &["ミライ(カ", "ミライ株式会社", "ﾐﾗｲ(ｶ)", "ミライ㈱"],
            &["ド)ハコネ", "合同会社ハコネ", "ゴウドウガイシャ　ハコネ"],
        ];
        for group in groups {
            for name in *group {
                assert_eq!(comparable(name), comparable(group[0]), "{name} and {}", group[0]);
            }
        }
    }

    #[test]
    fn different_names_stay_different() {
        for (one, other) in [
            ("ヤマダ タロウ", "ヤマダ ジロウ"),
            ("カ)ミライ", "ミライ(カ"),
            ("カ)ミライ", "ユ)ミライ"),
            ("ハタ", "ハダ"),
            ("オノ", "オオノ"),
        ] {
            assert_ne!(comparable(one), comparable(other), "{one} and {other}");
        }
    }

    /// Brokers send kanji by mistake: that is no other name, only none that can be compared.
    #[test]
    fn names_that_have_no_one_reading_are_not_compared() {
        let form = |name: &str| name.parse::<HolderName>().unwrap().comparable();
        for name in ["山田 太郎", "株式会社山田商店", "ヤマダ 太郎", "佐々木", "김철수", "・"]
        {
            assert_eq!(form(name), None, "{name}");
        }
        assert_eq!(form("株式会社ヤマダ").as_deref(), Some("カ)ヤマダ"));
        assert_eq!(form("ヤマダ Taro 2").as_deref(), Some("ヤマダTARO2"));
        let kanji: HolderName = "山田 太郎".parse().unwrap();
        assert!(!kanji.matches(&kanji));
    }

    proptest::proptest! {
        #[test]
        fn comparing_never_panics_and_gaps_do_not_matter(name in "[ァ-ンー ()a-z]{1,20}") {
            let spaced: String = name.chars().flat_map(|character| [character, ' ']).collect();
            proptest::prop_assert_eq!(comparable(&name), comparable(&spaced));
        }

        #[test]
        fn any_text_can_be_compared(name in "\\PC{1,40}") {
            if let Ok(holder) = name.parse::<HolderName>() {
                proptest::prop_assert_eq!(holder.matches(&holder), holder.comparable().is_some());
            }
        }
    }
}
