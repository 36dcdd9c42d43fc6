//! Tables of candidates and the rules they break.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use zeroize::Zeroizing;

use super::{
    BirthDate, Candidate, Estimate, Filter, Judgement, Known, OtherVerifier, Personal, Profile, Question,
    Rule, Symbols, judge, key,
};

const COMMON: &str = include_str!("../../../../config/common-passwords.txt");
const WORDS: &str = include_str!("../../../../config/password-words.txt");

fn known() -> Known {
    Known::new(COMMON, WORDS, &["Sekisho".to_owned(), "ミライ証券".to_owned()])
}

fn taro() -> Personal {
    let mut personal = Personal::default();
    for text in ["山田　太郎", "ヤマダ　ｼﾝｲﾁ", "C0012345", "090-1234-5678", "東京都千代田区丸の内1-2-3"]
    {
        personal.add(text);
    }
    personal.add_email("ohno.kun77@bluebird.example");
    personal.add_birth(BirthDate::parse("1980-04-01").unwrap());
    personal
}

fn candidate(text: &str) -> Candidate {
    Candidate::new(Zeroizing::new(text.to_owned()))
}

fn judged(profile: &Profile, text: &str, with_other_factor: bool, score: u8) -> Judgement {
    let estimate = Estimate { score, has_word: false };
    let (candidate, personal) = (candidate(text), taro());
    let question =
        Question { candidate: &candidate, with_other_factor, personal: &personal, other: None, estimate };
    judge(profile, &known(), &question)
}

/// Rules broken, those that are advice in brackets.
fn told(judgement: &Judgement) -> String {
    let words = judgement.findings.iter().map(|finding| match finding.refuses {
        true => finding.rule.to_string(),
        false => format!("({})", finding.rule),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn lengths_of_the_guideline() {
    let nist = Profile::default();
    for (text, with_other_factor, expected) in [
        ("kX7#qm", false, "length_min"),
        ("kX7#qmTp2vNd9w", false, "length_min"),
        ("kX7#qmTp2vNd9we", false, ""),
        ("kX7#qmT", true, "length_min"),
        ("kX7#qmTp", true, ""),
        // Code points of the normalised form count.
        ("ﾎﾟｽﾄの前で猫が笑う", true, ""),
        ("ﾊﾟﾊﾟﾊﾟｶ", true, "length_min"),
        ("", false, "length_min"),
    ] {
        assert_eq!(told(&judged(&nist, text, with_other_factor, 4)), expected, "{text}");
    }
    let long = |length: usize| {
        (0..length)
            .map(|place| char::from_u32(0x4E00 + u32::try_from(place * 7).unwrap()).unwrap())
            .collect::<String>()
    };
    assert_eq!(told(&judged(&nist, &long(256), false, 4)), "");
    assert_eq!(told(&judged(&nist, &long(257), false, 4)), "length_max");
    assert_eq!(judged(&nist, &long(5_000), false, 4).length_min, 15);
}

#[test]
fn composition_is_asked_for_by_the_classic_profile_only() {
    let classic = Profile::named("broker-classic").unwrap();
    for (text, expected) in [
        ("kXpqmTvNdwe", "letters_and_digits"),
        ("73918264059173", "letters_and_digits"),
        ("kX7pqmTp2v", ""),
        ("kX7#qmTp2", "length_min"),
        ("kX7#qmTp2v", ""),
        ("sakura7#xQz2", "word"),
        ("5akur@7#xQz2", "word"),
        ("7#arukasxQz2", "word"),
        ("7xasdfq#Zz2k", "keyboard_run"),
        ("7xabcdq#Zz2k", "sequence"),
        ("7xaaaaq#Zz2k", "repeat"),
    ] {
        assert_eq!(told(&judged(&classic, text, false, 4)), expected, "{text}");
        assert!(
            told(&judged(&Profile::default(), &format!("{text}-ぱぴぷとれ-"), false, 4))
                .replace(['(', ')'], "")
                .split(' ')
                .all(|rule| { ["", "keyboard_run", "sequence", "repeat"].contains(&rule) }),
            "{text}"
        );
    }
    let with_symbols = classic.with_symbols(Symbols::Required);
    assert_eq!(told(&judged(&with_symbols, "kX7pqmTp2v", false, 4)), "symbol");
    assert_eq!(told(&judged(&with_symbols, "kX7pq mTp2v", false, 4)), "");
    assert_eq!(told(&judged(&classic, "kX7pqmTp2v", false, 2)), "guessable");
}

#[test]
fn what_is_known_of_the_customer_is_no_password() {
    let classic = Profile::named("broker-classic").unwrap();
    for text in [
        "xx7Yamada#q8",
        "xx7ｙａｍａｄａ#q8",
        "xx7adamay#q8",
        "xx7y4m4d4#q8",
        "xx7Shinichi#q8",
        "xx7sinniti#q8",
        "xx7Ohno#q8k",
        "xx7oono#q8k",
        "xx7-0401-xq",
        "xxQ19800401kz",
        "xxQ1980-04-01kz",
        "xxQ-S55-kzwv",
        "xxQs550401kz",
        "xxQ5678wkzvp",
        "xxQ12345678z",
        "xxQC0012345z",
        "xxQ0012345zw",
        "xx7山田vkq#q8",
        "xx7bluebird#q",
        "xx7kun#77-qw",
    ] {
        assert!(told(&judged(&classic, text, false, 4)).contains("personal"), "{text}");
    }
    // Parts of numbers and of words are not the customer's.
    for text in ["xxQ704015kzvw", "xxQ719803kzw", "xxKunzitq#q82", "xx7dayama#q8"] {
        assert_eq!(told(&judged(&classic, text, false, 4)), "", "{text}");
    }
    // The guideline's profile refuses what would be too short without it.
    let nist = Profile::default();
    assert_eq!(told(&judged(&nist, "Yamada-1980-S55-0401-x", false, 4)), "personal");
    assert_eq!(told(&judged(&nist, "yamada likes cold noodles", false, 4)), "(personal_part)");
    assert_eq!(told(&judged(&nist, "Sekisho-ミライ証券-99", false, 4)), "service");
    assert_eq!(told(&judged(&nist, "the sekisho of a quiet pass", false, 4)), "");
}

#[test]
fn lists_are_looked_up_whole_and_however_they_are_written() {
    let nist = Profile::default();
    for text in ["password1", "PassWord1", "ｐａｓｓｗｏｒｄ１"] {
        let judgement = judged(&nist, text, true, 4);
        assert_eq!((told(&judgement).as_str(), judgement.score), ("common", 0), "{text}");
    }
    assert_eq!(told(&judged(&nist, "password1-and-more-of-it", false, 4)), "");
    let filter = Filter::build(vec![key("Correct-Battery-Horse")]).unwrap();
    let known = known().with_filter(Some(filter));
    let candidate = candidate("correct-battery-HORSE");
    let estimate = Estimate { score: 4, has_word: true };
    let personal = Personal::default();
    let question = Question {
        candidate: &candidate,
        with_other_factor: false,
        personal: &personal,
        other: None,
        estimate,
    };
    assert_eq!(told(&judge(&nist, &known, &question)), "common");
    assert_eq!(known.filter_entries(), 1);
}

#[test]
fn the_other_password_is_refused() {
    let verifier =
        "$argon2id$v=19$m=64,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw$Hwa/YbL/C9JJlSEbhHDuq4UuXFBloOBio4OOxG8ynBU";
    let other = OtherVerifier::parse(verifier).unwrap();
    let estimate = Estimate { score: 4, has_word: false };
    let (personal, known) = (Personal::default(), known());
    for (text, expected) in [("correct horse 電池", "same_as_other"), ("correct horse 電話", "")] {
        let candidate = candidate(text);
        let question = Question {
            candidate: &candidate,
            with_other_factor: true,
            personal: &personal,
            other: Some(&other),
            estimate,
        };
        assert_eq!(told(&judge(&Profile::default(), &known, &question)), expected);
    }
}

#[test]
fn characters_that_get_lost_are_refused() {
    let nist = Profile::default();
    for text in [
        "kX7#qmTp2vNd9we\u{7}",
        "kX7#qmTp2vN\u{200b}d9we",
        "kX7#qmTp2vNd9we\u{e000}",
        "kX7#qmTp2vNd9w\u{fffd}",
    ] {
        assert_eq!(told(&judged(&nist, text, false, 4)), "characters", "{text:?}");
    }
    assert_eq!(told(&judged(&nist, "emoji 🦀 are fine, spaces too", false, 4)), "");
    assert_eq!(format!("{:?}", candidate("kX7#qm")), "Candidate(…)");
}

#[test]
fn lists_that_are_shipped_can_be_read() {
    let lines = |text: &'static str| text.lines().filter(|line| !line.starts_with('#'));
    assert!(COMMON.len() < 50_000 && lines(COMMON).count() >= 300);
    assert!(lines(COMMON).all(|line| line.len() >= 8 && line.trim() == line));
    assert!(lines(WORDS).all(|word| word.len() >= 4 && word.bytes().all(|byte| byte.is_ascii_lowercase())));
}

proptest! {
    #[test]
    fn any_text_can_be_judged(text in "\\PC{0,80}", number in 0_u8..5) {
        for profile in Profile::ALL {
            let judgement = judged(&profile, &text, number % 2 == 0, number);
            let mut rules: Vec<Rule> = judgement.findings.iter().map(|finding| finding.rule).collect();
            rules.dedup();
            prop_assert_eq!(rules.len(), judgement.findings.len());
            prop_assert!(judgement.score <= number);
        }
    }

    #[test]
    fn width_and_form_do_not_matter(text in "[ -~]{8,30}") {
        let wide: String = text.chars().map(|c| match c {
            ' ' => '\u{3000}',
            c => char::from_u32(u32::from(c) + 0xFEE0).unwrap(),
        }).collect();
        let judge = |text: &str| judged(&Profile::default(), text, true, 3);
        prop_assert_eq!(judge(&text), judge(&wide));
    }
}
