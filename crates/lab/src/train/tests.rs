//! Made questions of which it is known what is in them.

use engine::policy::{Band, Model};
use engine::signal::Signal;
use engine::{Policy, Verdict};
use model::EventKind;

use super::{Question, TrainOptions, Trained, bands, trained};

/// Numbers that follow from a seed: splitmix64.
struct Draw(u64);

impl Draw {
    fn permille(&mut self, of: u64) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 1_000 < of
    }
}

/// Attackers come with new networks and devices nine times of ten, honest customers once of ten, each by itself; the language
/// is nobody's sign; what was never changed is infinite hours ago.
fn questions() -> Vec<Question> {
    let mut draw = Draw(7);
    (0..20_000)
        .map(|_| {
            let is_fraud = draw.permille(50);
            let mut numbers = vec![0.0; Signal::ALL.len()];
            let often = if is_fraud { 900 } else { 100 };
            for (signal, permille) in [
                (Signal::NetNewForCustomer, often),
                (Signal::DeviceNewForCustomer, often),
                (Signal::LanguageNewForCustomer, 300),
            ] {
                numbers[signal.place()] = f64::from(u8::from(draw.permille(permille)));
            }
            let hours = if draw.permille(often) { 5.0 } else { f64::INFINITY };
            numbers[Signal::PasswordChangedHours.place()] = hours;
            Question {
                kind: EventKind::Login,
                numbers: numbers.into_boxed_slice(),
                is_fraud,
                verdict: Verdict::Allow,
            }
        })
        .collect()
}

fn points_of(model: &Model, questions: &[Question]) -> Vec<i32> {
    let card = |question: &Question| model.card(question.kind).unwrap();
    questions
        .iter()
        .map(|question| card(question).points(|signal| question.numbers[signal.place()]))
        .collect()
}

fn options() -> TrainOptions {
    TrainOptions {
        policy: Policy::SHIPPED.to_owned(),
        price_per_mille: 1.0,
        command: "test \"7\"".to_owned(),
    }
}

#[test]
fn what_is_a_sign_of_fraud_gets_points_and_what_is_none_gets_none() {
    let questions = questions();
    let Trained { text, model, groups } = trained(&questions, &options()).unwrap();
    assert_eq!(text, trained(&questions, &options()).unwrap().text, "the same questions, the same card");
    let card = model.card(EventKind::Login).unwrap();
    let spread = |signal: Signal| {
        let scored = card.signals.iter().find(|scored| scored.signal == signal);
        scored.map_or(0, |scored| scored.points(1.0) - scored.points(0.0))
    };
    // Odds of 81 to 1 between the two, and 20 points double them: 127, a little less for the ridge.
    for signal in [Signal::NetNewForCustomer, Signal::DeviceNewForCustomer] {
        assert!((100..=135).contains(&spread(signal)), "{} {}", signal.name(), spread(signal));
    }
    assert!(spread(Signal::LanguageNewForCustomer).abs() < 12);
    let hours = card.signals.iter().find(|scored| scored.signal == Signal::PasswordChangedHours).unwrap();
    assert!(hours.points(5.0) - hours.points(f64::INFINITY) > 100, "{hours:?}");
    assert!(groups[0].auc > 0.97 && groups[0].from.is_some() && groups[1].from.is_none(), "{groups:?}");

    // Read back as a part of a policy it gives the same points, and says who made it.
    let policy = Policy::compile(&format!("{}\n{text}", Policy::SHIPPED), 3).unwrap();
    let read = policy.model().unwrap();
    assert_eq!((read, read.digest()), (&model, model.digest()));
    assert_eq!(points_of(read, &questions), points_of(&model, &questions));
    assert_eq!(read.trained, "test \"7\"");
    assert!(text.contains(&model.digest()));
}

/// Odds that a calibration band shows are those that its points promise.
#[test]
fn points_are_calibrated() {
    let questions = questions();
    let model = trained(&questions, &options()).unwrap().model;
    let card = &model.cards[0];
    let sum = |of: fn(&Band) -> u64| card.bands.iter().map(of).sum::<u64>();
    assert_eq!(sum(|band| band.questions), 5_000, "{:?}", card.bands);
    for band in card.bands.iter().filter(|band| band.fraud >= 20 && band.fraud * 4 < band.questions * 3) {
        let number = |count: u64| f64::from(u32::try_from(count).unwrap());
        let odds = number(band.fraud) / number(band.questions - band.fraud);
        let promised = 2.0_f64.powf(f64::from(band.from + 10) / 20.0);
        assert!(odds / promised < 4.0 && promised / odds < 4.0, "{band:?}: {odds} {promised}");
    }
}

#[test]
fn too_little_is_refused() {
    let few: Vec<Question> = questions().into_iter().take(300).collect();
    let refused = trained(&few, &options()).unwrap_err().to_string();
    assert!(refused.starts_with("no group of questions has 50 of attackers (login "), "{refused}");
    assert_eq!(bands(&[]), []);
}
