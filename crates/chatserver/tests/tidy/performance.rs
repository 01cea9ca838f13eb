//! `docs/performance.md`: its tables come from `docs/performance/figures.json`, its text from
//! `docs/performance/template.md`, and each figure names the commit and the machine at which it was measured.
//! `WRITE_DOCS=1 cargo test -p chatserver --test tidy performance` writes the page again.

use std::fs;

use serde::Deserialize;

use super::{read, root};

/// First line of the page, so that nobody edits the page itself.
const NOTICE: &str = "<!-- Written by WRITE_DOCS=1 cargo test -p chatserver --test tidy performance, \
                      from docs/performance/. -->\n";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    tables: Vec<Table>,
}

/// A table of the page. Its place in the template is its name in two pairs of braces.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    /// Where it was measured.
    machine: String,
    columns: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    cells: Vec<String>,
    /// The commit that was measured.
    commit: Option<String>,
    /// For figures that were written down without a commit: the commit that wrote them down. They were measured at that
    /// one or shortly before.
    stated_in: Option<String>,
}

impl Row {
    /// The row's commit, as the table shows it.
    fn commit(&self) -> Result<String, String> {
        let is_hash = |text: &str| {
            (7..=40).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        match (&self.commit, &self.stated_in) {
            (Some(commit), None) if is_hash(commit) => Ok(commit.clone()),
            (None, Some(commit)) if is_hash(commit) => Ok(format!("until {commit}")),
            _ => Err(format!("{:?} has no commit", self.cells)),
        }
    }
}

impl Table {
    fn render(&self) -> Result<String, String> {
        if self.machine.trim().is_empty() {
            return Err(format!("{} has no machine", self.name));
        }
        let line = |cells: &[String], last: &str| {
            let cells: String = cells.iter().map(|cell| format!(" {cell} |").replace("  ", " ")).collect();
            format!("|{cells} {last} |")
        };
        let mut lines = vec![line(&self.columns, "commit")];
        lines.push(format!("|{}", "---|".repeat(self.columns.len() + 1)));
        for row in &self.rows {
            if row.cells.len() != self.columns.len() {
                return Err(format!("{:?} has not the columns of {}", row.cells, self.name));
            }
            lines.push(line(&row.cells, &row.commit()?));
        }
        Ok(lines.join("\n"))
    }
}

/// The page that a template and figures give.
fn render(template: &str, figures: &str) -> Result<String, String> {
    let figures: Figures = serde_json::from_str(figures).map_err(|error| error.to_string())?;
    let mut page = format!("{NOTICE}{template}");
    for table in &figures.tables {
        let place = format!("{{{{{}}}}}", table.name);
        if page.matches(&place).count() != 1 {
            return Err(format!("the template has no {place}, or several"));
        }
        page = page.replace(&place, &table.render()?);
    }
    match page.find("{{") {
        Some(at) => Err(format!("no figures for {:.30}", &page[at..])),
        None => Ok(page),
    }
}

#[test]
fn the_page_of_figures_is_what_its_sources_give() {
    let sources = root().join("docs/performance");
    let rendered = render(&read(&sources.join("template.md")), &read(&sources.join("figures.json")));
    let rendered = rendered.unwrap_or_else(|error| panic!("docs/performance: {error}"));
    let page = root().join("docs/performance.md");
    if std::env::var_os("WRITE_DOCS").is_some() {
        fs::write(&page, &rendered).unwrap();
    }
    assert!(
        read(&page) == rendered,
        "docs/performance.md differs from what docs/performance/ gives; change that, and run this with WRITE_DOCS=1"
    );
}

#[test]
fn a_row_without_a_commit_is_found() {
    let figures = |row: &str| {
        format!(
            "{{\"tables\":[{{\"name\":\"t\",\"machine\":\"m\",\"columns\":[\"what\"],\"rows\":[{{\"cells\":[\"a\"]{row}}}]}}]}}"
        )
    };
    let page = |row: &str| render("before\n{{t}}\nafter\n", &figures(row));
    let wanted = format!("{NOTICE}before\n| what | commit |\n|---|---|\n| a | 0123abc |\nafter\n");
    assert_eq!(page(",\"commit\":\"0123abc\""), Ok(wanted));
    assert!(page(",\"stated_in\":\"0123abc\"").is_ok_and(|page| page.contains("| a | until 0123abc |")));
    for row in ["", ",\"commit\":\"\"", ",\"commit\":\"yesterday\"", ",\"stated_in\":\"?\""] {
        assert!(page(row).is_err_and(|error| error.contains("no commit")), "{row}");
    }
}

#[test]
fn a_table_without_a_machine_a_place_or_its_columns_is_found() {
    let figures = |machine: &str, cells: &str| {
        format!(
            "{{\"tables\":[{{\"name\":\"t\",\"machine\":\"{machine}\",\"columns\":[\"what\"],\"rows\":[{{\"cells\":[{cells}],\"commit\":\"0123abc\"}}]}}]}}"
        )
    };
    assert!(render("{{t}}", &figures("m", "\"a\"")).is_ok());
    assert!(render("{{t}}", &figures(" ", "\"a\"")).is_err());
    assert!(render("{{t}}", &figures("m", "\"a\",\"b\"")).is_err());
    assert!(render("nothing", &figures("m", "\"a\"")).is_err());
    assert!(render("{{t}} {{other}}", &figures("m", "\"a\"")).is_err());
}
