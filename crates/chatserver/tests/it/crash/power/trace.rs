//! Reads the output of `strace -f -y`: the calls by which the server changed its database, and those by which it sent
//! to its clients, in the order in which they happened.

use std::collections::HashMap;
use std::path::Path;

/// One recorded step. A call begins with its own step and ends with `Done`.
#[derive(Debug)]
pub enum Step {
    Write {
        call: usize,
        file: String,
        offset: usize,
        data: Vec<u8>,
    },
    Truncate {
        call: usize,
        file: String,
        length: usize,
    },
    Sync {
        call: usize,
        file: String,
    },
    SyncFolder {
        call: usize,
    },
    Done {
        call: usize,
        ok: bool,
    },
    Create(String),
    Rename(String, String),
    Unlink(String),
    /// These messages are about to reach a client.
    Announced(Vec<String>),
}

/// Returns the steps in the trace of a server that works in this folder.
pub fn parse(trace: &str, folder: &Path) -> Vec<Step> {
    let mut reader =
        Reader { folder: folder.to_str().unwrap(), steps: Vec::new(), calls: 0, open: HashMap::new() };
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        reader.line(thread, rest.trim_start());
    }
    reader.steps
}

/// Finds the keys of messages in these bytes, by the form that the load gives them.
pub fn keys(bytes: &[u8]) -> Vec<String> {
    let form = b"key-00-0000";
    let fits = |window: &&[u8]| {
        window.starts_with(b"key-")
            && window.iter().zip(form).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                _ => byte == form,
            })
    };
    let found = bytes.windows(form.len()).filter(fits);
    found.map(|key| String::from_utf8(key.to_vec()).unwrap()).collect()
}

struct Reader<'a> {
    folder: &'a str,
    steps: Vec<Step>,
    calls: usize,
    /// The open call of each thread: its number and its line so far.
    open: HashMap<&'a str, (usize, &'a str)>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, thread: &'a str, line: &'a str) {
        self.calls += 1;
        let number = self.calls;
        if line.starts_with("<...") {
            if let Some((call, begun)) = self.open.remove(thread) {
                self.ended(call, begun, result(line));
            }
        } else if let Some(begun) = line.strip_suffix(" <unfinished ...>") {
            self.began(number, begun);
            self.open.insert(thread, (number, begun));
        } else if line.contains(") = ") || line.contains(")  ") {
            self.began(number, line);
            self.ended(number, line, result(line));
        }
    }

    fn began(&mut self, call: usize, line: &str) {
        let (name, arguments) = line.split_once('(').unwrap_or((line, ""));
        let step = match name {
            "writev" | "sendto" | "sendmsg" => {
                let mut keys = keys(&quoted(arguments).concat());
                keys.sort();
                keys.dedup();
                (!keys.is_empty()).then_some(Step::Announced(keys))
            }
            "fsync" | "fdatasync" if path_of(arguments) == Some(self.folder) => {
                Some(Step::SyncFolder { call })
            }
            _ => self.on_file(call, name, arguments),
        };
        self.steps.extend(step);
    }

    fn on_file(&self, call: usize, name: &str, arguments: &str) -> Option<Step> {
        let file = self.file(path_of(arguments)?)?;
        match name {
            "pwrite64" => {
                let data = quoted(arguments).concat();
                let offset = last_number(arguments);
                Some(Step::Write { call, file, offset, data })
            }
            "ftruncate" => Some(Step::Truncate { call, file, length: last_number(arguments) }),
            "fsync" | "fdatasync" => Some(Step::Sync { call, file }),
            _ => None,
        }
    }

    fn ended(&mut self, call: usize, line: &str, result: &str) {
        let ok = !result.starts_with('-');
        let name = line.split('(').next().unwrap_or_default();
        let path = |number: usize| {
            let name = String::from_utf8(quoted(line).into_iter().nth(number)?).ok()?;
            self.file(&format!("{}/{}", self.folder, Path::new(&name).file_name()?.to_str()?))
        };
        let step = match name {
            "openat" if line.contains("O_CREAT") => {
                path_of(result).and_then(|path| self.file(path)).map(Step::Create)
            }
            "rename" => path(0).zip(path(1)).map(|(from, to)| Step::Rename(from, to)),
            "unlink" => path(0).map(Step::Unlink),
            _ => Some(Step::Done { call, ok }),
        };
        self.steps.extend(step.filter(|step| ok || matches!(step, Step::Done { .. })));
    }

    /// Returns the name of a file that belongs to the database and outlives the server.
    fn file(&self, path: &str) -> Option<String> {
        let name = path.strip_prefix(self.folder)?.strip_prefix('/')?;
        let rest = name.strip_prefix("chatserver.db")?;
        let is_kept = !["-shm", ".lock", ".jwt-secret"].contains(&rest);
        is_kept.then(|| name.to_owned())
    }
}

/// Returns the result of a call.
fn result(line: &str) -> &str {
    line.rsplit_once(" = ").map_or("-1", |(_, result)| result)
}

/// Returns the path that strace puts behind a descriptor.
fn path_of(text: &str) -> Option<&str> {
    let digits = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    digits.strip_prefix('<')?.split_once('>').map(|(path, _)| path)
}

/// Returns the last argument.
fn last_number(arguments: &str) -> usize {
    let behind_texts = arguments.rsplit('"').next().unwrap_or_default();
    let inside = behind_texts.split(')').next().unwrap_or_default();
    inside.rsplit(", ").next().unwrap().parse().unwrap()
}

/// Returns the texts in quotation marks, unescaped.
fn quoted(line: &str) -> Vec<Vec<u8>> {
    let (mut texts, mut bytes) = (Vec::new(), line.bytes().peekable());
    while bytes.by_ref().any(|byte| byte == b'"') {
        let mut text = Vec::new();
        while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
            let byte = if byte == b'\\' { escaped(&mut bytes) } else { byte };
            text.push(byte);
        }
        assert_ne!(bytes.peek(), Some(&b'.'), "strace has cut a text short");
        texts.push(text);
    }
    texts
}

fn escaped(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> u8 {
    match bytes.next().unwrap() {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'v' => 0x0b,
        b'f' => 0x0c,
        digit @ b'0'..=b'7' => {
            let mut value = digit - b'0';
            for _ in 0..2 {
                let Some(digit) = bytes.next_if(|digit| (b'0'..=b'7').contains(digit)) else { break };
                value = value * 8 + (digit - b'0');
            }
            value
        }
        other => other,
    }
}
