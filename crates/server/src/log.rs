//! The structured log: lines of JSON to standard error. Must not know what is told; whoever tells leaves personal data out.

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

/// One line of the structured log, to standard error: `{"event":…,"detail":…}`. No personal data.
pub(crate) fn line(event: &str, detail: &str) {
    use std::io::Write as _;
    let line = serde_json::json!({ "event": event, "detail": detail });
    // A log that cannot be written must not stop the server.
    let _lost = writeln!(std::io::stderr(), "{line}");
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

    use super::without_place;

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
