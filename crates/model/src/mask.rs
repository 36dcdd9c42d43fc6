//! The one way in which personal data is shown: most of it hidden, by the kind of data. What stays is enough for its owner to
//! recognise it, and too little to use it; docs/masking.md has the table. Must not know who looks.
//!
//! A hidden character becomes [`SIGN`], so the length stays; only of an address it does not. Full-width forms count as what
//! they stand for, and are shown as they came.

mod date;
mod number;
mod text;

pub use text::{Found, text};

use crate::ContactType;

/// Stands for a hidden character.
pub const SIGN: char = '•';

/// What is shown where not even the length is.
const ALL: &str = "•••";
/// Digits that stay of a telephone or account number, and the digits it must have for that.
const ENDS: (usize, usize) = (2, 5);
/// The same of the number of a card.
const CARD_ENDS: (usize, usize) = (4, 12);
/// Characters of an identifier that stay at each end at most.
const IDENTIFIER_SHOWN_MAX: usize = 2;

crate::words! {
    /// A kind of personal data.
    Kind, "kind" {
        /// A person's name: the first character stays.
        Name = "name",
        /// A postal address: the prefecture stays.
        Address = "address",
        /// A telephone number: the last two digits stay.
        Phone = "phone",
        /// A mail address: the first character and the domain stay.
        Email = "email",
        /// A date of birth: nothing stays.
        BirthDate = "birth_date",
        /// A bank account: the last two digits stay.
        BankAccount = "bank_account",
        /// The number of a card: the last four digits stay.
        Card = "card",
        /// An Individual Number (My Number): nothing stays.
        IndividualNumber = "individual_number",
        /// A postal code: nothing stays.
        PostalCode = "postal_code",
        /// An identifier of a customer: up to two characters at each end stay.
        Identifier = "identifier",
    }
}

impl From<ContactType> for Kind {
    fn from(contact: ContactType) -> Self {
        match contact {
            ContactType::Email => Self::Email,
            ContactType::Phone => Self::Phone,
            ContactType::Address => Self::Address,
        }
    }
}

/// The value with all hidden that this kind of data does not show.
#[must_use]
pub fn value(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Name => head(value),
        Kind::Address => address(value),
        Kind::Phone | Kind::BankAccount => ends(value, ENDS),
        Kind::Email => email(value),
        Kind::BirthDate => date::hidden(value),
        Kind::Card => ends(value, CARD_ENDS),
        Kind::IndividualNumber | Kind::PostalCode => nothing(value),
        Kind::Identifier => identifier(value),
    }
}

/// The first character, if there are more than two.
fn head(value: &str) -> String {
    let shown = usize::from(value.chars().nth(2).is_some());
    value.chars().enumerate().map(|(place, character)| if place < shown { character } else { SIGN }).collect()
}

/// Everything hidden but what stands between digits.
fn nothing(value: &str) -> String {
    value.chars().map(|character| if is_between(character) { character } else { SIGN }).collect()
}

/// What groups digits, and says nothing.
fn is_between(character: char) -> bool {
    matches!(plain(character), '-' | ' ' | '(' | ')' | '〒')
}

/// The last digits, if there are enough of them; everything else hidden.
fn ends(value: &str, (shown, digits_min): (usize, usize)) -> String {
    let digits = value.chars().filter(|character| is_digit(*character)).count();
    let hidden = if digits < digits_min { digits } else { digits.saturating_sub(shown) };
    let mut seen = 0_usize;
    let show = |character: char| {
        seen = seen.saturating_add(usize::from(is_digit(character)));
        if is_digit(character) && seen > hidden { character } else { SIGN }
    };
    value.chars().map(show).collect()
}

fn email(value: &str) -> String {
    match value.char_indices().rev().find(|(_, character)| plain(*character) == '@') {
        Some((at, _)) => {
            let (name, domain) = value.split_at_checked(at).unwrap_or_default();
            head(name) + domain
        }
        None => head(value),
    }
}

/// A quarter of the length at each end, at most two characters, so that half of it and more is hidden.
fn identifier(value: &str) -> String {
    let length = value.chars().count();
    let shown = (length / 4).min(IDENTIFIER_SHOWN_MAX);
    let is_shown = |place: usize| place < shown || place >= length.saturating_sub(shown);
    value
        .chars()
        .enumerate()
        .map(|(place, character)| if is_shown(place) { character } else { SIGN })
        .collect()
}

/// The prefecture: the smallest has half a million inhabitants.
fn address(value: &str) -> String {
    const PREFECTURES: [&str; 47] = [
        "北海道",
        "青森県",
        "岩手県",
        "宮城県",
        "秋田県",
        "山形県",
        "福島県",
        "茨城県",
        "栃木県",
        "群馬県",
        "埼玉県",
        "千葉県",
        "東京都",
        "神奈川県",
        "新潟県",
        "富山県",
        "石川県",
        "福井県",
        "山梨県",
        "長野県",
        "岐阜県",
        "静岡県",
        "愛知県",
        "三重県",
        "滋賀県",
        "京都府",
        "大阪府",
        "兵庫県",
        "奈良県",
        "和歌山県",
        "鳥取県",
        "島根県",
        "岡山県",
        "広島県",
        "山口県",
        "徳島県",
        "香川県",
        "愛媛県",
        "高知県",
        "福岡県",
        "佐賀県",
        "長崎県",
        "熊本県",
        "大分県",
        "宮崎県",
        "鹿児島県",
        "沖縄県",
    ];
    // A postal code may stand before it.
    let rest = value.trim_start_matches(|character| is_digit(character) || is_between(character));
    let prefecture = PREFECTURES.iter().find(|name| rest.starts_with(**name));
    format!("{}{ALL}", prefecture.copied().unwrap_or_default())
}

/// The character that a full-width or another dash stands for.
fn plain(character: char) -> char {
    match character {
        '！'..='～' => char::from_u32(u32::from(character).saturating_sub(0xFEE0)).unwrap_or(character),
        '\u{3000}' | '\u{a0}' => ' ',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '─' | 'ー' | 'ｰ' => '-',
        other => other,
    }
}

/// A digit of any script: what NFKC makes a digit of, and what other scripts count with.
fn is_digit(character: char) -> bool {
    plain(character).is_ascii_digit() || character.is_numeric() && !is_between(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::{Kind, value};

    #[test]
    fn every_kind_by_its_pattern() {
        for (kind, came, shown) in [
            (Kind::Name, "山田太郎", "山•••"),
            (Kind::Name, "ヤマダ タロウ", "ヤ••••••"),
            (Kind::Name, "ﾔﾏﾀﾞ ﾀﾛｳ", "ﾔ•••••••"),
            (Kind::Name, "李白", "••"),
            (Kind::Name, "Taro Yamada", "T••••••••••"),
            (Kind::Address, "東京都千代田区1-1", "東京都•••"),
            (Kind::Address, "〒100-0001　東京都千代田区1-1", "東京都•••"),
            (Kind::Address, "１００−０００１北海道札幌市", "北海道•••"),
            (Kind::Address, "1 Main Street, Springfield", "•••"),
            (Kind::Phone, "090-1234-5678", "•••••••••••78"),
            (Kind::Phone, "０３（１２３４）５６７８", "••••••••••７８"),
            (Kind::Phone, "03-1234-5678 (自宅)", "••••••••••78•••••"),
            (Kind::Phone, "110", "•••"),
            (Kind::Email, "taro@example.jp", "t•••@example.jp"),
            (Kind::Email, "t@example.jp", "•@example.jp"),
            (Kind::Email, "taro＠example.jp", "t•••＠example.jp"),
            (Kind::Email, "no address", "n•••••••••"),
            (Kind::BirthDate, "1980-04-01", "••••-••-••"),
            (Kind::BirthDate, "昭和55年4月1日", "••••年•月•日"),
            (Kind::BirthDate, "令和元年５月１日生", "•••年•月•日•"),
            (Kind::BirthDate, "五十五年四月一日", "•••年•月•日"),
            (Kind::BirthDate, "S55.4.1", "•••.•.•"),
            (Kind::BankAccount, "1234567", "•••••67"),
            (Kind::BankAccount, "0001-001-1234567", "••••••••••••••67"),
            (Kind::BankAccount, "みずほ銀行 丸の内 普通 １２３４５６７", "••••••••••••••••••６７"),
            (Kind::Card, "4111 1111 1111 1111", "•••••••••••••••1111"),
            (Kind::IndividualNumber, "1234-5678-9018", "••••-••••-••••"),
            (Kind::PostalCode, "〒100-0001", "〒•••-••••"),
            (Kind::Identifier, "C0012345", "C0••••45"),
            (Kind::Identifier, "C0002", "C•••2"),
            (Kind::Identifier, "abcd", "a••d"),
            (Kind::Identifier, "abc", "•••"),
            (Kind::Identifier, "顧客番号一", "顧•••一"),
        ] {
            assert_eq!(value(kind, came), shown, "{kind} {came}");
        }
        for kind in Kind::ALL {
            assert!(value(*kind, "").chars().all(|character| character == super::SIGN));
        }
    }

    /// Digits that may stay, at most; a mail address keeps its domain.
    fn digits_max(kind: Kind) -> usize {
        match kind {
            Kind::Name | Kind::Email => 1,
            Kind::Phone | Kind::BankAccount => 2,
            Kind::Card | Kind::Identifier => 4,
            Kind::Address | Kind::BirthDate | Kind::IndividualNumber | Kind::PostalCode => 0,
        }
    }

    proptest! {
        #[test]
        fn no_more_than_is_documented_stays(came in "[0-9０-９a-z山田 ー年月日-]{0,24}") {
            for kind in Kind::ALL {
                let shown = value(*kind, &came);
                let digits = shown.chars().filter(|character| character.is_numeric()).count();
                prop_assert!(digits <= digits_max(*kind), "{kind} {came} {shown}");
            }
        }

        #[test]
        fn what_stays_is_what_came_in_its_place(came in "\\PC{0,60}") {
            for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Address) {
                let shown = value(*kind, &came);
                prop_assert_eq!(shown.chars().count(), came.chars().count());
                let is_right = |(shown, came): (char, char)| shown == super::SIGN || shown == came;
                prop_assert!(shown.chars().zip(came.chars()).all(is_right), "{kind} {came} {shown}");
            }
        }
    }
}
