//! The texts of `config/locales`, Japanese and English, by their dotted keys. Must not know where a text stands.

use hashbrown::HashMap;

const JA: &str = include_str!("../../../config/locales/ja.toml");
const EN: &str = include_str!("../../../config/locales/en.toml");

/// The texts below a table (`pages`, `password.rule`), without its name in their keys: Japanese, then English. Tests hold the
/// files to be readable and to have the same keys.
#[must_use]
pub fn texts(table: &str) -> [HashMap<String, String>; 2] {
    [JA, EN].map(|file| {
        let mut found = HashMap::new();
        let file: toml::Table = file.parse().unwrap_or_default();
        let mut place = Some(&toml::Value::Table(file));
        for name in table.split('.') {
            place = place.and_then(|value| value.get(name));
        }
        if let Some(value) = place {
            flatten("", value, &mut found);
        }
        found
    })
}

fn flatten(prefix: &str, value: &toml::Value, found: &mut HashMap<String, String>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&key, value, found);
            }
        }
        toml::Value::String(text) => {
            found.insert(prefix.to_owned(), text.clone());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::texts;

    #[test]
    fn texts_are_found_by_table_and_dotted_key() {
        let [ja, en] = texts("pages");
        assert_eq!((ja["verify.return"].as_str(), en["verify.return"].as_str()), ("戻る", "Back"));
        assert_eq!(texts("pages.verify")[1]["return"], "Back");
        assert!(texts("pages.nothing")[0].is_empty() && texts("")[0].is_empty());
    }
}
