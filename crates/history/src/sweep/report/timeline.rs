//! Procedures by day, stacked by verdict, as bars of an inline SVG: all of them, and below review and alarm on a scale of
//! their own (thousands of clear procedures would hide five alarms). Coordinates are whole tenths of a pixel. Must not know
//! markup.

use model::time::DAY_US;

use super::words::{Both, both, fill, number, word};
use super::{format, sign};
use crate::sweep::summary::Verdicts;
use crate::sweep::{Finding, Verdict};

const WIDTH: u64 = 9_600;
const LEFT: u64 = 620;
const RIGHT: u64 = 60;
const BARS_MAX: u64 = 400;
const BAR_WIDTH_MAX: u64 = 420;
/// So that one procedure among thousands is still seen.
const SEGMENT_MIN: u64 = 14;
const LABELS_MAX: usize = 7;
/// Rows of the table beside the picture at most.
const TABLE_ROWS_MAX: usize = 400;

/// Everything the picture is drawn from.
pub(super) struct Timeline {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) unit: Both,
    pub(super) panels: Vec<Panel>,
    pub(super) labels: Vec<Label>,
    /// Days with review or alarm, with their counts in the order of [`Verdict::ALL`].
    pub(super) table: Vec<(String, Vec<String>)>,
}

/// One set of bars with its scale.
pub(super) struct Panel {
    pub(super) title: Both,
    pub(super) top: u64,
    pub(super) bottom: u64,
    pub(super) ticks: Vec<Tick>,
    pub(super) bars: Vec<Bar>,
}

/// A line of the scale.
pub(super) struct Tick {
    pub(super) y: u64,
    pub(super) label: String,
}

/// A day.
pub(super) struct Bar {
    pub(super) title: String,
    pub(super) segments: Vec<Segment>,
}

/// The procedures of a day with one verdict.
pub(super) struct Segment {
    pub(super) verdict: Verdict,
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) width: u64,
    pub(super) height: u64,
}

/// A date below the bars.
pub(super) struct Label {
    pub(super) x: u64,
    pub(super) text: String,
}

/// Procedures by verdict in spans of whole days.
struct Days {
    first: i64,
    /// Days in a span; 1 up to 400 days.
    step: i64,
    spans: Vec<Verdicts>,
}

impl Days {
    fn of(findings: &[Finding]) -> Self {
        let days = || findings.iter().map(|finding| finding.examined.procedure.time.day());
        let (first, last) = (days().min().unwrap_or(0), days().max().unwrap_or(0));
        let count = last.saturating_sub(first).saturating_add(1);
        let step = count.saturating_add(399) / i64::try_from(BARS_MAX).unwrap_or(400);
        let place = |day: i64| usize::try_from(day.saturating_sub(first) / step.max(1)).unwrap_or(0);
        let mut spans = vec![Verdicts::default(); place(last).saturating_add(1)];
        for finding in findings {
            if let Some(span) = spans.get_mut(place(finding.examined.procedure.time.day())) {
                span.count(finding.verdict);
            }
        }
        Self { first, step: step.max(1), spans }
    }

    fn date(&self, place: usize) -> String {
        let days = i64::try_from(place).unwrap_or(0).saturating_mul(self.step);
        format::day(self.first.saturating_add(days).saturating_mul(DAY_US))
    }
}

impl Timeline {
    /// The picture of these findings.
    pub(super) fn of(findings: &[Finding]) -> Self {
        let days = Days::of(findings);
        let room = WIDTH.saturating_sub(LEFT).saturating_sub(RIGHT);
        let count = u64::try_from(days.spans.len()).unwrap_or(1).max(1);
        let pitch = (room / count).min(BAR_WIDTH_MAX);
        let attention: &[Verdict] = &[Verdict::Alarm, Verdict::Review];
        let all: &[Verdict] = &[Verdict::Alarm, Verdict::Review, Verdict::Explained, Verdict::Clear];
        let step = days.spans.len().div_ceil(LABELS_MAX).max(1);
        let labels = (0..days.spans.len())
            .step_by(step)
            .map(|place| Label { x: x_of(place, pitch), text: days.date(place) })
            .collect();
        let unit = match days.step {
            1 => both("timeline.per_day"),
            step => fill("timeline.per_days", &[("n", number(step))]),
        };
        let (title, description) = describe(&days, findings.len());
        Self {
            title,
            description,
            unit,
            panels: vec![
                panel(&days, all, both("timeline.all"), (300, 1_700), pitch),
                panel(&days, attention, both("timeline.attention"), (2_150, 2_900), pitch),
            ],
            labels,
            table: table(&days),
        }
    }

    pub(super) fn left(&self) -> u64 {
        LEFT
    }

    pub(super) fn right(&self) -> u64 {
        WIDTH.saturating_sub(RIGHT)
    }
}

fn x_of(place: usize, pitch: u64) -> u64 {
    LEFT.saturating_add(u64::try_from(place).unwrap_or(0).saturating_mul(pitch))
}

fn panel(days: &Days, stack: &[Verdict], title: Both, (top, bottom): (u64, u64), pitch: u64) -> Panel {
    let sum =
        |span: &Verdicts| stack.iter().fold(0_u64, |sum, verdict| sum.saturating_add(span.of(*verdict)));
    let scale = round_up(days.spans.iter().map(sum).max().unwrap_or(0));
    let room = bottom.saturating_sub(top);
    let height = |count: u64| {
        let exact = u128::from(count).saturating_mul(u128::from(room)) / u128::from(scale);
        u64::try_from(exact).unwrap_or(room)
    };
    let bars = days.spans.iter().enumerate().filter(|(_, span)| sum(span) > 0).map(|(place, span)| {
        let mut y = bottom;
        let segments = stack
            .iter()
            .filter(|verdict| span.of(**verdict) > 0)
            .map(|verdict| {
                let height = height(span.of(*verdict)).max(SEGMENT_MIN);
                y = y.saturating_sub(height);
                let width = pitch.saturating_sub((pitch / 6).min(40)).max(8);
                Segment { verdict: *verdict, x: x_of(place, pitch), y, width, height }
            })
            .collect();
        Bar { title: format!("{}: {}", days.date(place), counts(span)), segments }
    });
    let marks = if scale >= 2 { vec![0, scale / 2, scale] } else { vec![0, scale] };
    let ticks = marks
        .into_iter()
        .map(|count| Tick { y: bottom.saturating_sub(height(count)), label: format::thousands(count) });
    Panel { title, top, bottom, ticks: ticks.collect(), bars: bars.collect() }
}

/// `✓ 12 ○ 3`.
fn counts(span: &Verdicts) -> String {
    let counts = Verdict::ALL.iter().filter(|verdict| span.of(**verdict) > 0);
    let counts: Vec<String> = counts
        .map(|verdict| format!("{} {}", sign(*verdict), format::thousands(span.of(*verdict))))
        .collect();
    counts.join("  ")
}

/// The next of 1, 2, 4, 6, 8, 10, 20, … that is at least `count`, so that its half is whole.
fn round_up(count: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [1, 2, 4, 6, 8] {
            let mark = unit.saturating_mul(step);
            if mark >= count || mark == u64::MAX {
                return mark;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

fn describe(days: &Days, total: usize) -> (String, String) {
    let peak =
        days.spans.iter().enumerate().max_by_key(|(place, span)| (span.total(), std::cmp::Reverse(*place)));
    let (peak_day, peak) = peak.map_or((0, 0), |(place, span)| (place, span.total()));
    let alarm_days = days.spans.iter().filter(|span| span.alarm > 0).count();
    let values = [
        ("n", number(total)),
        ("days", number(days.spans.len())),
        ("first", Both::same(days.date(0))),
        ("last", Both::same(days.date(days.spans.len().saturating_sub(1)))),
        ("peak", number(peak)),
        ("peak_day", Both::same(days.date(peak_day))),
        ("alarm_days", number(alarm_days)),
    ];
    (both("timeline.title").plain(), fill("timeline.description", &values).plain())
}

fn table(days: &Days) -> Vec<(String, Vec<String>)> {
    let open = days.spans.iter().enumerate().filter(|(_, span)| span.alarm > 0 || span.review > 0);
    let row = |(place, span): (usize, &Verdicts)| {
        let counts = Verdict::ALL.iter().map(|verdict| format::thousands(span.of(*verdict)));
        (days.date(place), counts.collect())
    };
    open.map(row).take(TABLE_ROWS_MAX).collect()
}

/// The verdicts' words for the picture's key.
pub(super) fn key() -> Vec<(Verdict, Both)> {
    Verdict::ALL.iter().map(|verdict| (*verdict, word("verdict", verdict.as_str()))).collect()
}

#[cfg(test)]
mod tests {
    use super::round_up;

    #[test]
    fn scales_end_at_round_numbers_with_whole_halves() {
        for (count, scale) in
            [(0, 1), (1, 1), (2, 2), (3, 4), (5, 6), (9, 10), (11, 20), (130, 200), (601, 800)]
        {
            assert_eq!(round_up(count), scale, "{count}");
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }
}
