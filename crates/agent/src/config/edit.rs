//! One value of a configuration file is set; comments, order and all other values stay as a person wrote them.

/// `text` with `key` of the table `section` set to a string. A sample of the key in a comment gives its place; without one
/// it is the table's first, and a table that is not there comes at the end. What a line does not show (dotted keys, values
/// over several lines) is for the caller to find out by reading the result.
pub fn set(text: &str, section: &str, key: &str, value: &str) -> String {
    let assignment = format!("{} = {}", written_key(key), quoted(value));
    let mut lines: Vec<&str> = text.lines().collect();
    let header = format!("[{section}]");
    let Some(start) = lines.iter().position(|line| line.trim() == header) else {
        return format!("{text}\n{header}\n{assignment}\n");
    };
    let rest = &lines[start + 1..];
    let length = rest
        .iter()
        .position(|line| line.trim_start().starts_with('['));
    let table = &rest[..length.unwrap_or(rest.len())];
    let sets = |line: &&str| key_of(line) == Some(key);
    let shows = |line: &&str| {
        let sample = line.trim_start().strip_prefix('#');
        sample.and_then(key_of) == Some(key)
    };
    let place = table.iter().position(sets);
    match place.or_else(|| table.iter().position(shows)) {
        Some(place) => lines[start + 1 + place] = &assignment,
        None => lines.insert(start + 1, &assignment),
    }
    lines.join("\n") + "\n"
}

fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    Some(key.trim().trim_matches('"'))
}

/// A bare key where TOML allows one.
fn written_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match key.chars().all(is_bare) && !key.is_empty() {
        true => key.to_owned(),
        false => quoted(key),
    }
}

/// A string of JSON is a basic string of TOML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::set;

    #[test]
    fn a_value_is_set_where_it_stands_where_its_sample_stands_or_first() {
        let text = "# Mine.\n[influx]\nurl = \"http://old\" # why\n# ca_file = \"x\"\n\n[tags]\nregion = \"eu\"\n";
        let text = set(text, "influx", "url", "https://db:8086");
        let text = set(&text, "influx", "ca_file", "/etc/ca.pem");
        let text = set(&text, "influx", "org", "ops");
        let text = set(&text, "tags.more", "rack \"7\"", "a\\b");
        assert_eq!(
            text,
            "# Mine.\n[influx]\norg = \"ops\"\nurl = \"https://db:8086\"\nca_file = \"/etc/ca.pem\"\n\n[tags]\n\
             region = \"eu\"\n\n[tags.more]\n\"rack \\\"7\\\"\" = \"a\\\\b\"\n"
        );
    }

    #[test]
    fn the_same_key_of_another_table_stays() {
        let text = "[outputs.old]\nurl = \"a\"\n[influx]\n";
        assert_eq!(
            set(text, "influx", "url", "b"),
            "[outputs.old]\nurl = \"a\"\n[influx]\nurl = \"b\"\n"
        );
    }
}
