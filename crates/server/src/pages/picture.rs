//! Logins as a picture: days across, the time of day down. Known and new places differ by shape as well as colour; what got nobody
//! in is hollow, larger, and behind what did, so that neither hides the other. Made here, as SVG, so that no script is needed. Must not know what stands in the list beside it.

use model::Time;
use model::time::{DAY_US, HOUR_US};

use super::recent::{Ended, Login};
use super::texts::{JAPAN_US, Texts};

/// The picture's size, and what of it is the plot, in units of which a small telephone shows one in a pixel.
const WIDTH: i64 = 360;
const HEIGHT: i64 = 226;
const LEFT: i64 = 38;
const TOP: i64 = 8;
const PLOT_WIDTH: i64 = 314;
const PLOT_HEIGHT: i64 = 192;
/// How far a mark reaches, by what it is: a hollow one around one that is not.
const CIRCLE: i64 = 4;
const CIRCLE_HOLLOW: i64 = 7;
const DIAMOND: i64 = 6;
const DIAMOND_HOLLOW: i64 = 10;
/// Days shown at least and at most.
const DAYS: (i64, i64) = (7, 90);
/// Of so many days each has its date below.
const DATES: i64 = 4;
/// Between two lines across.
const HOURS_BETWEEN: i64 = 6;

/// A point of the plot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) x: i64,
    pub(super) y: i64,
    /// Drawn as a diamond; else as a circle.
    pub(super) is_new: bool,
    pub(super) is_hollow: bool,
    /// What it says to who points at it.
    pub(super) title: String,
}

impl Mark {
    /// How far it reaches from its middle.
    pub(super) const fn reach(&self) -> i64 {
        match (self.is_new, self.is_hollow) {
            (false, false) => CIRCLE,
            (false, true) => CIRCLE_HOLLOW,
            (true, false) => DIAMOND,
            (true, true) => DIAMOND_HOLLOW,
        }
    }
}

/// A line of the plot with what stands beside it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) at: i64,
    pub(super) text: String,
    /// Where the text stands by it: `start`, `middle` or `end`.
    pub(super) anchor: &'static str,
}

/// The picture.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) title: String,
    /// The same in words, for who does not see it.
    pub(super) description: String,
    pub(super) hours: Vec<Label>,
    pub(super) dates: Vec<Label>,
    pub(super) marks: Vec<Mark>,
}

impl Picture {
    pub(super) const WIDTH: i64 = WIDTH;
    pub(super) const HEIGHT: i64 = HEIGHT;
    pub(super) const LEFT: i64 = LEFT;
    pub(super) const RIGHT: i64 = LEFT + PLOT_WIDTH;
    pub(super) const BOTTOM: i64 = TOP + PLOT_HEIGHT;

    /// Of logins, the newest first, as seen at `now`; none where there are none.
    pub(super) fn of(logins: &[Login], now: Time, texts: Texts) -> Option<Self> {
        let today = day(now);
        let oldest = logins.iter().map(|login| day(login.time)).filter(|day| today - day < DAYS.1).min()?;
        let days = (today - oldest + 1).clamp(DAYS.0, DAYS.1);
        let first = today - days + 1;
        let shown: Vec<&Login> =
            logins.iter().filter(|login| (first..=today).contains(&day(login.time))).collect();
        let count =
            |wanted: fn(&Login) -> bool| shown.iter().filter(|login| wanted(login)).count().to_string();
        let description = texts
            .of("login.picture_text")
            .replace("{n}", &shown.len().to_string())
            .replace("{new}", &count(|login| login.new_place))
            .replace("{failed}", &count(is_hollow));
        let mark = |login: &&Login| Mark {
            x: LEFT + PLOT_WIDTH * (2 * (day(login.time) - first) + 1) / (2 * days),
            y: TOP + PLOT_HEIGHT * (local_us(login.time) % DAY_US / 1_000_000) / (DAY_US / 1_000_000),
            is_new: login.new_place,
            is_hollow: is_hollow(login),
            title: format!("{} {}", texts.time(login.time), texts.of_word("login", login.ended.as_str())),
        };
        let mut marks: Vec<Mark> = shown.iter().map(mark).collect();
        // What is drawn later lies above: whoever fails in the minute in which they get in hides nothing.
        marks.sort_by_key(|mark| (!mark.is_hollow, mark.is_new));
        Some(Self {
            title: texts.of("login.picture").replace("{days}", &days.to_string()),
            description,
            hours: hours(texts),
            dates: dates(first, days, texts),
            marks,
        })
    }
}

/// Whether nobody got in.
fn is_hollow(login: &Login) -> bool {
    !matches!(login.ended, Ended::Succeeded | Ended::Tried)
}

fn local_us(time: Time) -> i64 {
    time.as_us().saturating_add(JAPAN_US)
}

/// The day in Japan, counted from 1970-01-01.
fn day(time: Time) -> i64 {
    local_us(time) / DAY_US
}

fn hours(texts: Texts) -> Vec<Label> {
    let label = |number: i64| Label {
        at: TOP + PLOT_HEIGHT * number * HOURS_BETWEEN / 24,
        text: texts.of("login.hour").replace("{n}", &(number * HOURS_BETWEEN).to_string()),
        anchor: "end",
    };
    (0..=24 / HOURS_BETWEEN).map(label).collect()
}

fn dates(first: i64, days: i64, texts: Texts) -> Vec<Label> {
    let label = |number: i64| {
        let place = (days - 1) * number / (DATES - 1);
        let noon = Time::MIN.plus_us((first + place) * DAY_US + 12 * HOUR_US - JAPAN_US);
        Label {
            at: LEFT + PLOT_WIDTH * (2 * place + 1) / (2 * days),
            text: texts.date(noon),
            anchor: if number == DATES - 1 { "end" } else { "middle" },
        }
    };
    (0..DATES).map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::{Mark, Picture};
    use crate::pages::recent::{Ended, Login, Origin};
    use crate::pages::texts::Texts;

    const EN: Texts = Texts { japanese: false };

    fn login(time: &str, ended: Ended, new_place: bool) -> Login {
        let origin =
            Origin { ip: None, country: None, asn: None, spot: None, user_agent: None, channel: None };
        let id = "l-1".parse().unwrap();
        Login { id, time: time.parse().unwrap(), origin, ended, new_place, new_device: false }
    }

    fn picture(logins: &[Login]) -> Option<Picture> {
        Picture::of(logins, "2020-09-16T03:00:00Z".parse().unwrap(), EN)
    }

    #[test]
    fn days_are_across_and_the_time_of_day_is_down() {
        let logins = [
            login("2020-09-16T03:00:00Z", Ended::Succeeded, false),
            login("2020-09-15T15:00:00Z", Ended::Failed, true),
            login("2020-09-10T14:59:59Z", Ended::Denied, false),
        ];
        let picture = picture(&logins).unwrap();
        let places: Vec<_> = picture.marks.iter().map(|mark| (mark.x, mark.y)).collect();
        // The last moment of the first of seven days, the first moment of the last, and its noon.
        assert_eq!(places, [(60, 199), (329, 8), (329, 104)]);
        let shapes: Vec<_> = picture.marks.iter().map(|mark| (mark.is_new, mark.is_hollow)).collect();
        assert_eq!(shapes, [(false, true), (true, true), (false, false)]);
        assert_eq!(picture.marks[1].title, "16 September 2020, 00:00 (Japan) failed");
        let dates: Vec<_> = picture.dates.iter().map(|date| date.text.as_str()).collect();
        assert_eq!(dates, ["10 Sep", "12 Sep", "14 Sep", "16 Sep"]);
        assert_eq!(picture.title, "Sign-ins of the last 7 days");
        assert!(
            picture.description.starts_with("3 sign-ins, 1 from new places, 2 "),
            "{}",
            picture.description
        );
    }

    /// Whoever got in is seen beside who failed at the same time, whichever came first and wherever they came from.
    #[test]
    fn a_failed_login_hides_none_that_succeeded() {
        let at = "2020-09-16T03:00:00Z";
        let all = [
            (Ended::Failed, true),
            (Ended::Succeeded, false),
            (Ended::Failed, false),
            (Ended::Succeeded, true),
        ];
        let logins = all.map(|(ended, is_new)| login(at, ended, is_new));
        let picture = picture(&logins).unwrap();
        let drawn: Vec<_> =
            picture.marks.iter().map(|mark| (mark.is_hollow, mark.is_new, mark.reach())).collect();
        assert_eq!(drawn, [(true, false, 7), (true, true, 10), (false, false, 4), (false, true, 6)]);
        let middles: Vec<_> = picture.marks.iter().map(|mark| (mark.x, mark.y)).collect();
        assert!(middles.iter().all(|middle| *middle == middles[0]), "{middles:?}");
    }

    #[test]
    fn every_mark_lies_in_the_plot_and_what_is_too_old_is_left_out() {
        assert!(picture(&[]).is_none());
        assert!(picture(&[login("2020-06-18T03:00:00Z", Ended::Succeeded, false)]).is_none());
        let oldest = login("2020-06-19T03:00:00Z", Ended::Succeeded, false);
        let newest = login("2020-09-16T02:00:00Z", Ended::Succeeded, false);
        let picture = picture(&[newest, oldest]).unwrap();
        assert_eq!(picture.marks.len(), 2);
        let is_inside = |mark: &Mark| {
            (Picture::LEFT..=Picture::RIGHT).contains(&mark.x)
                && (super::TOP..=Picture::BOTTOM).contains(&mark.y)
        };
        assert!(picture.marks.iter().all(is_inside), "{:?}", picture.marks);
    }
}
