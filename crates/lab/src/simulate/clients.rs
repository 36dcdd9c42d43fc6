//! Devices and what they call themselves, aging over the year as browsers did in 2019 and 2020. Must not know who owns one.

use model::{Channel, Time};

use super::dice::{Dice, place};
use super::oddity::is_fresh;
use super::population::YEAR_DAYS;

/// Browser or app on an operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Platform {
    #[default]
    WindowsChrome,
    WindowsEdge,
    WindowsExplorer,
    WindowsFirefox,
    MacSafari,
    MacChrome,
    IphoneSafari,
    IphoneApp,
    AndroidChrome,
    AndroidApp,
}

const COMPUTERS: &[(u64, Platform)] = &[
    (48, Platform::WindowsChrome),
    (18, Platform::WindowsEdge),
    (14, Platform::WindowsExplorer),
    (9, Platform::WindowsFirefox),
    (7, Platform::MacSafari),
    (4, Platform::MacChrome),
];
const PHONES: &[(u64, Platform)] = &[
    (30, Platform::IphoneApp),
    (28, Platform::IphoneSafari),
    (17, Platform::AndroidApp),
    (25, Platform::AndroidChrome),
];

impl Platform {
    pub(super) const fn channel(self) -> Channel {
        if self.is_app() { Channel::App } else { Channel::Web }
    }

    pub(super) const fn is_app(self) -> bool {
        matches!(self, Self::IphoneApp | Self::AndroidApp)
    }
}

/// Which of a customer's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Phone,
    Computer,
}

/// A device as the broker sees it, from one day on: a new one, or an old one that has forgotten its identifier.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Device {
    from: u64,
    pub(super) platform: Platform,
    /// What its identifier is made of.
    pub(super) key: u64,
    /// Days by which its software is behind.
    lag_days: i64,
    model: u64,
    /// Whether it is a new thing rather than an old one that forgot.
    pub(super) bought: bool,
}

impl Device {
    /// A device that was there before.
    pub(super) fn draw(dice: &mut Dice, slot: Slot) -> Self {
        let platforms = match slot {
            Slot::Phone => PHONES,
            Slot::Computer => COMPUTERS,
        };
        Self {
            from: 0,
            platform: dice.weighted(platforms),
            key: dice.next(),
            lag_days: i64::try_from(dice.quantile(&[(0, 0), (700, 21), (950, 90), (1_000, 400)]))
                .unwrap_or(0),
            model: dice.below(1_000),
            bought: false,
        }
    }

    /// Another one of the same kind.
    pub(super) const fn with_key(self, key: u64) -> Self {
        Self { key, ..self }
    }

    /// The devices of one slot over the span, in order: bought anew, or their identifiers lost with the cookies.
    pub(super) fn draw_all(dice: &mut Dice, slot: Slot, days: u64) -> Vec<Self> {
        let first = Self::draw(dice, slot);
        let mut all = vec![first];
        let bought_permille = if slot == Slot::Phone { 300 } else { 130 };
        let lost_permille = if first.platform.is_app() { 20 } else { 130 };
        if dice.ppm(bought_permille * 1_000 * days / YEAR_DAYS) {
            all.push(Self { from: dice.below(days), bought: true, ..Self::draw(dice, slot) });
        }
        if dice.ppm(lost_permille * 1_000 * days / YEAR_DAYS) {
            all.push(Self { from: dice.below(days), key: dice.next(), ..first });
        }
        all.sort_by_key(|device| device.from);
        all
    }

    /// Whether it, or its identifier, is new on a day.
    pub(super) fn is_new(&self, day: u64) -> bool {
        self.from > 0 && is_fresh(self.from, day)
    }

    /// The one in use on a day.
    pub(super) fn on(all: &[Self], day: u64) -> Option<Self> {
        all.iter().rev().find(|device| device.from <= day).copied()
    }

    /// What it says in `User-Agent` at a time.
    pub(super) fn user_agent(&self, time: Time) -> String {
        user_agent(self.platform, time.day() - self.lag_days, self.model)
    }
}

/// Versions by the day (since 1970) of their release.
type Releases = &'static [(i64, &'static str)];

const CHROME: Releases = &[
    (18_100, "76.0.3809.132"),
    (18_149, "77.0.3865.90"),
    (18_191, "78.0.3904.108"),
    (18_240, "79.0.3945.130"),
    (18_296, "80.0.3987.149"),
    (18_359, "81.0.4044.138"),
    (18_401, "83.0.4103.116"),
    (18_457, "84.0.4147.125"),
    (18_499, "85.0.4183.102"),
];
const EDGE: Releases = &[
    (18_289, "79.0.309.71"),
    (18_299, "80.0.361.69"),
    (18_365, "81.0.416.72"),
    (18_403, "83.0.478.61"),
    (18_459, "84.0.522.63"),
    (18_501, "85.0.564.51"),
];
const FIREFOX: Releases = &[
    (18_086, "68.0"),
    (18_141, "69.0"),
    (18_191, "70.0"),
    (18_232, "71.0"),
    (18_268, "72.0"),
    (18_303, "73.0"),
    (18_331, "74.0"),
    (18_359, "75.0"),
    (18_387, "76.0"),
    (18_415, "77.0"),
    (18_443, "78.0"),
    (18_471, "79.0"),
    (18_499, "80.0"),
];
const IOS: Releases = &[
    (18_099, "12_4"),
    (18_163, "13_1"),
    (18_197, "13_2"),
    (18_240, "13_3"),
    (18_289, "13_3_1"),
    (18_345, "13_4"),
    (18_402, "13_5"),
    (18_458, "13_6"),
];
const APP: Releases = &[
    (18_100, "6.0.2"),
    (18_170, "6.1.0"),
    (18_212, "6.1.3"),
    (18_270, "6.2.0"),
    (18_333, "6.3.1"),
    (18_395, "6.4.0"),
    (18_470, "6.5.2"),
];
const ANDROIDS: &[&str] = &[
    "9; SO-03L",
    "10; SO-01M",
    "9; SH-M12",
    "10; Pixel 3a",
    "9; SC-02L",
    "10; SC-03L",
    "9; F-04K",
    "9; moto g(7)",
    "8.0.0; SHV40",
    "10; SOV41",
    "9; HWV32",
    "10; SCV43",
];

/// The latest of the releases on a day; the oldest before that.
fn latest(releases: Releases, day: i64) -> &'static str {
    let known = releases.iter().rev().find(|(from, _)| *from <= day).or(releases.first());
    known.map_or("", |(_, version)| version)
}

fn user_agent(platform: Platform, day: i64, model: u64) -> String {
    const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)";
    const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_6)";
    const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";
    let chrome = latest(CHROME, day);
    let ios = latest(IOS, day);
    let ios_version = ios.replace('_', ".");
    let app = latest(APP, day);
    let number = place(model) % ANDROIDS.len();
    let android = ANDROIDS.get(number).copied().unwrap_or_default();
    match platform {
        Platform::WindowsChrome => format!("{WINDOWS} {WEBKIT} Chrome/{chrome} Safari/537.36"),
        Platform::WindowsEdge if day < 18_289 => {
            format!("{WINDOWS} {WEBKIT} Chrome/70.0.3538.102 Safari/537.36 Edge/18.18362")
        }
        Platform::WindowsEdge => {
            format!("{WINDOWS} {WEBKIT} Chrome/{chrome} Safari/537.36 Edg/{}", latest(EDGE, day))
        }
        Platform::WindowsExplorer => {
            "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko".to_owned()
        }
        Platform::WindowsFirefox => {
            let version = latest(FIREFOX, day);
            format!(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{version}) Gecko/20100101 Firefox/{version}"
            )
        }
        Platform::MacSafari => {
            format!("{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{ios_version} Safari/605.1.15")
        }
        Platform::MacChrome => format!("{MAC} {WEBKIT} Chrome/{chrome} Safari/537.36"),
        Platform::IphoneSafari => format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS {ios} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
             Version/{ios_version} Mobile/15E148 Safari/604.1"
        ),
        Platform::IphoneApp => format!("SimulatedBroker/{app} (iPhone; iOS {ios_version})"),
        Platform::AndroidChrome => {
            format!("Mozilla/5.0 (Linux; Android {android}) {WEBKIT} Chrome/{chrome} Mobile Safari/537.36")
        }
        Platform::AndroidApp => format!("SimulatedBroker/{app} (Android {android})"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Platform, user_agent};

    #[test]
    fn browsers_age_over_the_year() {
        let chrome = |day| user_agent(Platform::WindowsChrome, day, 0);
        assert!(chrome(18_156).contains("Chrome/77.0.3865.90"), "17 September 2019");
        assert!(chrome(18_521).contains("Chrome/85.0.4183.102"), "16 September 2020");
        assert!(chrome(0).contains("Chrome/76."));
        assert!(user_agent(Platform::WindowsEdge, 18_156, 0).contains("Edge/18"));
        assert!(user_agent(Platform::WindowsEdge, 18_521, 0).contains("Edg/85"));
        assert!(user_agent(Platform::AndroidChrome, 18_521, 1).contains("SO-01M"));
    }
}
