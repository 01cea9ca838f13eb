//! What counts as the same output. Only values that differ in each run by nature are masked, in both texts alike:
//! tokens, tickets, points in time and request ids. Everything else, ids included, has to be equal.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        // Colours and other escape sequences: programs write them to a terminal, and documents cannot show them.
        ("\u{1b}\\[[0-9;?]*[A-Za-z]", ""),
        (r"eyJ(\.\.\.|[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", "eyJ..."),
        (
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})",
            "2026-01-01T00:00:00Z",
        ),
        (r"\[([0-9]{4}-[0-9]{2}-[0-9]{2} )?[0-9]{2}:[0-9]{2}:[0-9]{2}\]", "[00:00:00]"),
        (r#"("request_id": *)"[^"]+""#, "$1\"...\""),
        (r#"("ticket": *)"[^"]+""#, "$1\"...\""),
        (r"(?m)^(x-request-id|date): .*$", "$1: ..."),
    ]
    .into_iter()
    .map(|(pattern, with)| (Regex::new(pattern).unwrap(), with))
    .collect()
});

/// Replaces everything that differs from run to run by a fixed text.
pub fn mask(text: &str) -> String {
    let text = text.replace('\r', "");
    MASKS.iter().fold(text, |text, (pattern, with)| pattern.replace_all(&text, *with).into_owned())
}

/// Compares JSON values that are printed one after another. Their layout does not matter.
pub fn json(expected: &str, actual: &str) -> Result<(), String> {
    let values = |text: &str| {
        serde_json::Deserializer::from_str(&mask(text)).into_iter().collect::<Result<Vec<Value>, _>>()
    };
    let wanted = values(expected).map_err(|error| format!("the document's JSON is invalid: {error}"))?;
    match values(actual) {
        Ok(values) if values == wanted => Ok(()),
        _ => Err(difference(expected, actual)),
    }
}

/// Compares the whole output with the expected one.
pub fn text(expected: &str, actual: &str) -> Result<(), String> {
    let lines = masked_lines(actual);
    match find(&masked_lines(expected), &lines) {
        Found::To(end) if end == lines.len() => Ok(()),
        _ => Err(difference(expected, actual)),
    }
}

/// Returns the masked lines of a text, without empty ones at its end.
pub fn masked_lines(text: &str) -> Vec<String> {
    mask(text).trim_end().lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Result of looking for lines at the beginning of others.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Found: they take up this many lines.
    To(usize),
    /// Not found yet: more lines may complete them.
    NotYet,
    /// Not found, whatever follows.
    Never,
}

/// Looks for `expected` at the beginning of `lines`. A line `...` matches any number of lines.
pub fn find(expected: &[String], lines: &[String]) -> Found {
    let mut at = 0;
    let mut may_skip = false;
    for part in expected.split_inclusive(|line| line == "...") {
        let skips_after = part.last().is_some_and(|line| line == "...");
        let wanted = &part[..part.len() - usize::from(skips_after)];
        match find_part(wanted, &lines[at..], may_skip) {
            Found::To(end) => at += end,
            not_found => return not_found,
        }
        may_skip = skips_after;
    }
    // A final `...` takes all that remains.
    Found::To(if may_skip { lines.len() } else { at })
}

fn find_part(wanted: &[String], lines: &[String], may_skip: bool) -> Found {
    let begins = |lines: &[String]| wanted.iter().zip(lines).all(|(wanted, line)| wanted == line);
    let last_start = if may_skip { lines.len() } else { 0 };
    for start in 0..=last_start {
        if begins(&lines[start..]) {
            let is_whole = lines.len() - start >= wanted.len();
            return if is_whole { Found::To(start + wanted.len()) } else { Found::NotYet };
        }
    }
    Found::Never
}

/// Shows both texts as they were compared, for the person who reads the failure.
pub fn difference(expected: &str, actual: &str) -> String {
    let indented =
        |text: &str| -> String { masked_lines(text).iter().map(|line| format!("    {line}\n")).collect() };
    format!("the document shows:\n{}  but this came:\n{}", indented(expected), indented(actual))
}
