//! Pictures: lines on two axes, and bars beside their limits. Plain SVG text without scripts, the same bytes every time. Must
//! not know what is drawn.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 48.0;
const ROW: f64 = 26.0;
const NAMES: f64 = 150.0;
/// Colours that stay apart for colour-blind readers (Okabe and Ito 2008).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// A line of points, both coordinates from 0 to 1.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    /// Single points instead of a line.
    pub(super) dots: bool,
}

/// A bar from 0 to 1 and the limit it is held against.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) limit: Option<f64>,
}

fn begin(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"12\"><title>{0}</title><rect width=\"100%\" height=\"100%\" \
         fill=\"#fff\"/><text x=\"{LEFT:.0}\" y=\"22\" font-size=\"14\">{0}</text>",
        escaped(title)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Lines over axes from 0 to 1 in per cent; `from` is where the upright axis begins.
pub(super) fn lines(title: &str, (across, upright): (&str, &str), from: f64, lines: &[Line]) -> String {
    let mut svg = begin(WIDTH, HEIGHT, title);
    let x = |value: f64| LEFT + value * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - (value - from) / (1.0 - from) * (HEIGHT - TOP - BOTTOM);
    for tick in 0_u8..=5 {
        let at = f64::from(tick) / 5.0;
        let (x_at, value) = (x(at), from + at * (1.0 - from));
        let (y_at, down) = (y(value), HEIGHT - BOTTOM);
        let _infallible = write!(
            svg,
            "<line x1=\"{x_at:.1}\" y1=\"{TOP}\" x2=\"{x_at:.1}\" y2=\"{down:.1}\" stroke=\"#e5e5e5\"/>\
             <text x=\"{x_at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.0} %</text>\
             <line x1=\"{LEFT}\" y1=\"{y_at:.1}\" x2=\"{:.1}\" y2=\"{y_at:.1}\" stroke=\"#e5e5e5\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0} %</text>",
            down + 16.0,
            at * 100.0,
            WIDTH - RIGHT,
            LEFT - 6.0,
            y_at + 4.0,
            value * 100.0
        );
    }
    let _infallible = write!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text><text x=\"14\" y=\"{:.1}\" \
         transform=\"rotate(-90 14 {:.1})\" text-anchor=\"middle\">{}</text>",
        x(0.5),
        HEIGHT - 12.0,
        escaped(across),
        HEIGHT / 2.0,
        HEIGHT / 2.0,
        escaped(upright)
    );
    for (number, line) in lines.iter().enumerate() {
        let colour = COLOURS.get(number % COLOURS.len()).copied().unwrap_or("#000");
        let at: Vec<(f64, f64)> = line
            .points
            .iter()
            .filter(|point| point.1 >= from)
            .map(|point| (x(point.0), y(point.1)))
            .collect();
        if line.dots {
            for (x, y) in &at {
                let _infallible =
                    write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>");
            }
        } else {
            let path: Vec<String> = at.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let _infallible = write!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                path.join(" ")
            );
        }
        let row = TOP + 14.0 + 18.0 * f64::from(u16::try_from(number).unwrap_or(0));
        let right = WIDTH - RIGHT + 12.0;
        let _infallible = write!(
            svg,
            "<rect x=\"{right:.1}\" y=\"{:.1}\" width=\"12\" height=\"4\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{row:.1}\">{}</text>",
            row - 6.0,
            right + 18.0,
            escaped(&line.name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Bars one below the other; a bar's limit is a line across it.
pub(super) fn bars(title: &str, scale: f64, bars: &[Bar]) -> String {
    let rows = f64::from(u16::try_from(bars.len()).unwrap_or(0));
    let height = TOP + ROW * rows + 12.0;
    let mut svg = begin(WIDTH, height, title);
    let x = |value: f64| LEFT + NAMES + (value / scale).min(1.0) * (WIDTH - LEFT - NAMES - 90.0);
    let mut top = TOP;
    for bar in bars {
        let end = x(bar.value);
        let _infallible = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" \
             height=\"16\" fill=\"{}\"/><text x=\"{:.1}\" y=\"{:.1}\">{:.2} %</text>",
            LEFT + NAMES - 8.0,
            top + 13.0,
            escaped(&bar.name),
            x(0.0),
            top,
            end - x(0.0),
            COLOURS[0],
            end + 6.0,
            top + 13.0,
            bar.value * 100.0
        );
        if let Some(limit) = bar.limit {
            let at = x(limit);
            let _infallible = write!(
                svg,
                "<line x1=\"{at:.1}\" y1=\"{:.1}\" x2=\"{at:.1}\" y2=\"{:.1}\" stroke=\"{}\" stroke-width=\"2\"/>",
                top - 3.0,
                top + 19.0,
                COLOURS[1]
            );
        }
        top += ROW;
    }
    svg.push_str("</svg>\n");
    svg
}
