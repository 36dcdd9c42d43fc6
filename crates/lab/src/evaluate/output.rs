//! Results as files: numbers as JSON, pictures as SVG, a report as HTML. Must not count anything itself.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::curves::{Curve, Curves};
use super::{EvaluateError, Evaluation, html, svg};

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> EvaluateError + use<> {
    let path = path.to_owned();
    move |source| EvaluateError::Write { path, doing, source }
}

fn file(out: &Path, name: &str, content: &str) -> Result<(), EvaluateError> {
    let path = out.join(name);
    fs::write(&path, content).map_err(failed("writing", &path))
}

fn json(out: &Path, name: &str, value: &impl Serialize) -> Result<(), EvaluateError> {
    let path = out.join(name);
    let text = serde_json::to_string_pretty(value).map_err(|error| failed("writing", &path)(error.into()))?;
    file(out, name, &(text + "\n"))
}

/// Writes `results.json`, `stopped.svg`, `price.svg` and `report.html` into a folder, which is made if it is not there.
///
/// # Errors
/// The folder or a file cannot be written.
pub fn write(evaluation: &Evaluation, out: &Path) -> Result<(), EvaluateError> {
    fs::create_dir_all(out).map_err(failed("making the folder", out))?;
    json(out, "results.json", evaluation)?;
    file(out, "stopped.svg", &html::stopped(evaluation))?;
    file(out, "price.svg", &html::price(evaluation))?;
    let path = out.join("report.html");
    let page =
        html::page(evaluation).map_err(|error| failed("writing", &path)(std::io::Error::other(error)))?;
    file(out, "report.html", &page)
}

/// Writes `curves.json` and a picture for each of the two and each history.
///
/// # Errors
/// As [`write`].
pub fn write_curves(curves: &Curves, out: &Path) -> Result<(), EvaluateError> {
    fs::create_dir_all(out).map_err(failed("making the folder", out))?;
    json(out, "curves.json", curves)?;
    for (by, name) in [("login.score", "login-score"), ("policy", "policy")] {
        for history in [12, 39] {
            let own: Vec<&Curve> =
                curves.curves.iter().filter(|curve| curve.by == by && curve.history == history).collect();
            let title = format!("{by}, {history} logins of history: caught against asked for proof");
            let picture = svg::lines(
                &title,
                ("customers' logins asked (mean)", "attackers' logins caught"),
                0.5,
                &lines(&own),
            );
            file(out, &format!("curves-{name}-{history}.svg"), &picture)?;
        }
    }
    Ok(())
}

fn lines(curves: &[&Curve]) -> Vec<svg::Line> {
    let mut lines = Vec::new();
    for curve in curves {
        let points = curve.points.iter().map(|point| (point.mean, point.catch)).collect();
        lines.push(svg::Line { name: curve.attacker.to_owned(), points, dots: false });
    }
    let at: Vec<(f64, f64)> =
        curves.iter().filter_map(|curve| curve.operating).map(|point| (point.mean, point.catch)).collect();
    if !at.is_empty() {
        lines.push(svg::Line { name: "as shipped".to_owned(), points: at, dots: true });
    }
    let published: Vec<(f64, f64)> = curves
        .iter()
        .filter_map(|curve| curve.published)
        .flat_map(|rates| rates.into_iter().zip([0.99, 0.995, 0.999]))
        .collect();
    if !published.is_empty() {
        lines.push(svg::Line { name: "published (medians)".to_owned(), points: published, dots: true });
    }
    lines
}
