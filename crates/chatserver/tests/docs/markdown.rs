//! Parses a document into the steps that it shows. Only fenced blocks count, and a block's info string says what it
//! means (CONTRIBUTING.md, "Documents that are run"). Anything that is not understood is an error, never skipped.

/// One thing to do or to expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Line of the document at which its block begins.
    pub line: usize,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Run commands to their end. `output` is what they print, if the document shows it.
    Run { terminal: String, script: String, status: i32, output: Option<Output> },
    /// Start a command that keeps running in its terminal.
    Start { terminal: String, script: String },
    /// Type lines to the program that runs in a terminal. With a status, they end it.
    Type { terminal: String, text: String, ends_with: Option<i32> },
    /// Expect this text to appear next in a terminal.
    Expect { terminal: String, text: String },
    /// Commands that cannot be run here, and the reason.
    LeaveOut(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub line: usize,
    pub is_json: bool,
    pub text: String,
}

/// Terminal of a block that names none.
pub const MAIN: &str = "main";

struct Block {
    line: usize,
    info: Vec<(String, String)>,
    text: String,
}

/// Returns the steps of a document, in order. An error begins with the number of its line.
pub fn steps(markdown: &str) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    // Whether the block before was one of commands, whose output may follow.
    let mut awaits_output = false;
    for block in blocks(markdown)? {
        let line = block.line;
        let wrong = |what: &str| format!("{line}: {what}");
        let [(language, _), attributes @ ..] = block.info.as_slice() else { continue };
        match language.as_str() {
            "sh" => {
                steps.push(Step { line, action: commands(attributes, block.text).map_err(|e| wrong(&e))? });
                awaits_output = true;
            }
            "json" | "text" | "console" if flag(attributes, "illustration") => awaits_output = false,
            "json" | "text" | "console" if !attributes.is_empty() => {
                steps.push(Step { line, action: appearance(attributes, block.text).map_err(|e| wrong(&e))? });
                awaits_output = false;
            }
            "json" | "text" | "console" => {
                let last = steps.last_mut().filter(|_| awaits_output);
                let output = Output { line, is_json: language == "json", text: block.text };
                match last.map(|step| &mut step.action) {
                    Some(Action::Run { output: slot, .. }) => *slot = Some(output),
                    Some(Action::LeaveOut(_)) => {}
                    _ => return Err(wrong("an output that belongs to no command; mark it as illustration?")),
                }
                awaits_output = false;
            }
            _ => awaits_output = false,
        }
    }
    Ok(steps)
}

fn flag(attributes: &[(String, String)], name: &str) -> bool {
    attributes.iter().any(|(key, value)| key == name && value.is_empty())
}

fn value(attributes: &[(String, String)], name: &str) -> Option<String> {
    attributes.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.clone())
}

fn only(attributes: &[(String, String)], known: &[&str]) -> Result<(), String> {
    match attributes.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        Some((key, _)) => Err(format!("{key} is not understood here; known are {}", known.join(", "))),
        None => Ok(()),
    }
}

fn commands(attributes: &[(String, String)], script: String) -> Result<Action, String> {
    only(attributes, &["terminal", "background", "status", "not-run"])?;
    if attributes.iter().any(|(key, _)| key == "not-run") {
        let reason = value(attributes, "not-run").ok_or("not-run needs a reason")?;
        return Ok(Action::LeaveOut(reason));
    }
    let terminal = value(attributes, "terminal").unwrap_or_else(|| MAIN.into());
    if flag(attributes, "background") {
        return Ok(Action::Start { terminal, script });
    }
    Ok(Action::Run { terminal, script, status: status(attributes)?, output: None })
}

/// Returns the exit status that a block announces, 0 by default.
fn status(attributes: &[(String, String)]) -> Result<i32, String> {
    let status = value(attributes, "status").map_or(Ok(0), |status| status.parse());
    status.map_err(|_| "status must be a number".into())
}

fn appearance(attributes: &[(String, String)], text: String) -> Result<Action, String> {
    only(attributes, &["terminal", "typed", "ends", "status"])?;
    let terminal = value(attributes, "terminal").ok_or("it must name its terminal")?;
    Ok(if flag(attributes, "typed") {
        let ends_with = flag(attributes, "ends").then(|| status(attributes)).transpose()?;
        Action::Type { terminal, text, ends_with }
    } else {
        Action::Expect { terminal, text }
    })
}

fn blocks(markdown: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if !line.trim_start().starts_with("```") {
            continue;
        }
        let Some(info) = line.strip_prefix("```") else {
            return Err(format!("{}: an indented block; begin it at the margin", index + 1));
        };
        let info = words(info).map_err(|error| format!("{}: {error}", index + 1))?;
        let mut text = String::new();
        loop {
            match lines.next() {
                Some((_, "```")) => break,
                Some((_, line)) => text.extend([line, "\n"]),
                None => return Err(format!("{}: a block without end", index + 1)),
            }
        }
        blocks.push(Block { line: index + 1, info, text });
    }
    Ok(blocks)
}

/// Parses `sh terminal=tom not-run="no network"` into pairs. A word without a value gets an empty one.
fn words(info: &str) -> Result<Vec<(String, String)>, String> {
    let mut words = Vec::new();
    let mut rest = info.trim();
    while !rest.is_empty() {
        let end = rest.find([' ', '=']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix('=') {
            None => ("", after),
            Some(quoted) if quoted.starts_with('"') => {
                let inner = quoted.strip_prefix('"').unwrap_or_default();
                inner.split_once('"').ok_or("a quotation without end")?
            }
            Some(plain) => plain.split_at(plain.find(' ').unwrap_or(plain.len())),
        };
        words.push((key.to_owned(), value.to_owned()));
        rest = after.trim_start();
    }
    Ok(words)
}
