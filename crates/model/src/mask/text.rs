//! Personal data in free text: mail addresses, dates and numbers, found by their form and masked where they stand. A name or an
//! address has no form, and is not found. Where a number may be somebody's, it is taken for it.

use super::{Kind, date, number, plain, value};

/// A text with what was found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The text, masked.
    pub text: String,
    /// What was masked, in the order of the text.
    pub kinds: Vec<Kind>,
}

/// The text with all masked that looks like a mail address, a date, or a number of somebody's.
#[must_use]
pub fn text(text: &str) -> Found {
    let came: Vec<char> = text.chars().collect();
    let read: Vec<char> = came.iter().map(|character| plain(*character)).collect();
    let mut found = Found { text: String::with_capacity(text.len()), kinds: Vec::new() };
    let mut at = 0_usize;
    while let Some(character) = came.get(at) {
        let rest = read.get(at..).unwrap_or_default();
        let before = at.checked_sub(1).and_then(|place| read.get(place)).copied();
        let (kind, length) = match piece(rest, before) {
            Piece::Of(kind, length) => (Some(kind), length),
            Piece::Nobodys(length) => (None, length.max(1)),
        };
        let end = at.saturating_add(length);
        match kind {
            Some(kind) => {
                let part: String = came.get(at..end).unwrap_or_default().iter().collect();
                found.text.push_str(&value(kind, &part));
                found.kinds.push(kind);
            }
            None if length == 1 => found.text.push(*character),
            None => found.text.extend(came.get(at..end).unwrap_or_default()),
        }
        at = end;
    }
    found
}

/// What stands at the beginning of a rest of the text.
enum Piece {
    Of(Kind, usize),
    Nobodys(usize),
}

fn piece(rest: &[char], before: Option<char>) -> Piece {
    let begins = |is_part: fn(char) -> bool| {
        rest.first().is_some_and(|first| is_part(*first)) && !before.is_some_and(is_part)
    };
    if begins(is_of_mail)
        && let Some(length) = mail(rest)
    {
        return Piece::Of(Kind::Email, length);
    }
    let is_inside = before.is_some_and(|before| before.is_ascii_digit());
    if !is_inside && let Some(length) = date::length(rest) {
        return Piece::Of(Kind::BirthDate, length);
    }
    let is_number = rest.first().is_some_and(|first| first.is_ascii_digit() || "+(〒".contains(*first));
    if !is_number {
        return Piece::Nobodys(1);
    }
    match number::found(rest, before) {
        Some((kind, length)) => Piece::Of(kind, length),
        // A date or a mail address may begin behind its first group.
        None => Piece::Nobodys(
            rest.iter().take_while(|character| character.is_ascii_digit()).count().min(number::length(rest)),
        ),
    }
}

/// Characters of the mail address at the beginning.
fn mail(rest: &[char]) -> Option<usize> {
    let name = rest.iter().take_while(|character| is_of_mail(**character)).count();
    if rest.get(name) != Some(&'@') {
        return None;
    }
    let domain = rest.get(name.saturating_add(1)..)?;
    let is_of_domain = |character: &char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.');
    let mut length = domain.iter().take_while(|character| is_of_domain(character)).count();
    while length > 0 && domain.get(length.saturating_sub(1)).is_some_and(|last| matches!(last, '-' | '.')) {
        length = length.saturating_sub(1);
    }
    (length > 0).then_some(name.saturating_add(1).saturating_add(length))
}

fn is_of_mail(character: char) -> bool {
    character.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::{Kind, text};

    #[test]
    fn what_is_somebodys_is_found_and_masked_in_its_place() {
        for (came, shown) in [
            ("連絡先はtaro.yamada@example.jpです。", "連絡先はt••••••••••@example.jpです。"),
            ("電話 03-1234-5678、携帯０９０１２３４５６７８まで", "電話 ••••••••••78、携帯•••••••••７８まで"),
            ("tel:(03)1234-5678 or 090 1234 5678.", "tel:•••••••••••78 or •••••••••••78."),
            ("call +81 90-1234-5678 now", "call ••••••••••••••78 now"),
            ("口座 0001-001-1234567", "口座 ••••••••••••••67"),
            ("普通預金1234567へ", "普通預金•••••67へ"),
            ("昭和55年4月1日生まれ、S55.4.1、㍼55年4月1日", "••••年•月•日生まれ、•••.•.•、•••年•月•日"),
            ("令和元年５月１日と平成三十一年四月三十日", "•••年•月•日と•••••年•月••日"),
            ("born 1980-04-01 or 1980/4/1", "born ••••-••-•• or ••••/•/•"),
            ("〒100-0001 千代田区", "〒•••-•••• 千代田区"),
            ("個人番号 1234 5678 9018。", "個人番号 •••• •••• ••••。"),
            ("番号123456789018", "番号••••••••••••"),
            ("card 4111-1111-1111-1111!", "card •••••••••••••••1111!"),
            ("card 4111 1111 1111 1111 exp", "card •••••••••••••••1111 exp"),
        ] {
            assert_eq!(text(came).text, shown, "{came}");
        }
        let kinds = text("a@b.example 1980-04-01 4111111111111111").kinds;
        assert_eq!(kinds, [Kind::Email, Kind::BirthDate, Kind::Card]);
    }

    #[test]
    fn what_is_nobodys_stays() {
        for came in [
            "7203を100株、2,500円で買い",
            "出金 5000000円",
            "¥12345678",
            "2026年度の第3四半期、10月",
            "from 192.0.2.17 at 09:30:15",
            "a @ b, @name, x@",
            "110番",
            "version 1.2.3",
            "",
        ] {
            assert_eq!(text(came).text, came);
        }
    }

    proptest! {
        #[test]
        fn what_stays_is_what_came_in_its_place(came in "[0-9０-９a-c@.年月日昭和 +()ー〒/-]{0,40}") {
            let shown = text(&came).text;
            prop_assert_eq!(shown.chars().count(), came.chars().count());
            let is_right = |(shown, came): (char, char)| shown == crate::mask::SIGN || shown == came;
            prop_assert!(shown.chars().zip(came.chars()).all(is_right), "{came} {shown}");
        }

        #[test]
        fn no_long_number_stays(before in "[a-z ]{0,3}", digits in "[0-9]{7,19}", after in "[a-z、 ]{0,3}") {
            let shown = text(&format!("{before}{digits}{after}")).text;
            let digits = shown.chars().filter(char::is_ascii_digit).count();
            prop_assert!(digits <= 4, "{shown}");
        }

        #[test]
        fn any_text_can_be_masked(came in "\\PC{0,200}") {
            let found = text(&came);
            prop_assert!(found.text.chars().count() == came.chars().count());
        }
    }
}
