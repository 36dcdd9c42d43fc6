//! The structured log: lines of JSON to standard error. Must not know what is told; whoever tells leaves personal data out.

use std::sync::atomic::{AtomicU8, Ordering};

use model::{Invalid, Time};

/// The rank of the lowest level that is told.
static FROM: AtomicU8 = AtomicU8::new(0);

/// An error and what caused it, in one line.
pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// It is as it should be.
    Info,
    /// Somebody should know.
    Warning,
    /// Somebody has to see to it.
    Error,
}

impl Level {
    const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Error];

    const fn rank(self) -> u8 {
        match self {
            Self::Info => 0,
            Self::Warning => 1,
            Self::Error => 2,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The last word of an event's name says what became of something, and so how much it matters.
    fn of(event: &str) -> Self {
        match event.rsplit('.').next().unwrap_or("") {
            "started" | "done" | "stopped" | "works_again" => Self::Info,
            "refused" | "renewed" | "not_removed" | "put_off" => Self::Warning,
            _ => Self::Error,
        }
    }
}

impl std::str::FromStr for Level {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| Invalid::value("log_from", text, "info, warning, error"))
    }
}

/// From now on lines of lower levels are not told by this process.
pub fn tell_from(level: Level) {
    FROM.store(level.rank(), Ordering::Relaxed);
}

/// One line of the structured log, to standard error: `{"time":…,"level":…,"event":…,"detail":…}`. No personal data.
pub(crate) fn line(event: &str, detail: &str) {
    write(Level::of(event), event, &serde_json::json!({ "detail": detail }));
}

/// One line with fields of its own, an object.
pub(crate) fn write(level: Level, event: &str, fields: &serde_json::Value) {
    use std::io::Write as _;
    if level.rank() < FROM.load(Ordering::Relaxed) {
        return;
    }
    let line = told(crate::serve::wall_clock()(), level, event, fields);
    // A log that cannot be written must not stop the server.
    let _lost = writeln!(std::io::stderr(), "{line}");
}

fn told(time: Time, level: Level, event: &str, fields: &serde_json::Value) -> String {
    /// Every line begins alike, so that people can read it too.
    #[derive(serde::Serialize)]
    struct Line<'a> {
        time: Time,
        level: &'a str,
        event: &'a str,
        #[serde(flatten)]
        fields: &'a serde_json::Value,
    }
    let line = Line { time, level: level.as_str(), event, fields };
    serde_json::to_string(&line).unwrap_or_default()
}

/// A text for who asks over the network: where the data folder lies is nothing for them.
pub(crate) fn without_place(text: &str, data: &std::path::Path) -> String {
    let place = data.display().to_string();
    let place = match place.trim_end_matches('/') {
        "" => return text.to_owned(),
        place => place,
    };
    let is_word = |letter: char| letter.is_alphanumeric() || "._-".contains(letter);
    let mut parts = text.split(place);
    let mut hidden = parts.next().unwrap_or("").to_owned();
    for part in parts {
        // A folder called `d` is not the end of a word, nor the word "d"; "/srv/data" is no beginning of "/srv/database".
        let begins = !hidden.ends_with(|before| is_word(before) || before == '/');
        let ends = part.starts_with('/') || place.contains('/') && !part.starts_with(is_word);
        hidden += if begins && ends { "DATA" } else { place };
        hidden += part;
    }
    hidden
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Level, told, without_place};

    #[test]
    fn every_line_has_its_time_and_level() {
        let time = "2026-01-05T10:00:00+09:00".parse().unwrap();
        let line = |event, fields| told(time, Level::of(event), event, &fields);
        assert_eq!(
            line("export.failed", serde_json::json!({ "detail": "no space" })),
            r#"{"time":"2026-01-05T01:00:00.000000Z","level":"error","event":"export.failed","detail":"no space"}"#
        );
        assert!(
            line("export.works_again", serde_json::json!({})).ends_with(r#""event":"export.works_again"}"#)
        );
        assert_eq!(Level::of("http.refused"), Level::Warning);
        assert_eq!(Level::of("server.started"), Level::Info);
    }

    #[test]
    fn where_the_data_folder_lies_is_not_told() {
        let told = |text, data| without_place(text, Path::new(data));
        assert_eq!(told("/srv/data/a: and/or /srv/data/b", "/srv/data"), "DATA/a: and/or DATA/b");
        assert_eq!(told("d/a failed, and/or d/b ended", "d"), "DATA/a failed, and/or DATA/b ended");
        assert_eq!(told("nothing", "d"), "nothing");
        assert_eq!(
            told("/srv/data: syncing failed in /srv/database", "/srv/data/"),
            "DATA: syncing failed in /srv/database"
        );
        assert_eq!(told("/srv/data/a", "/srv/data/"), "DATA/a");
        assert_eq!(told("/a", "/"), "/a");
    }
}
