//! The lines that services log have the form that docs/instrumentation.md gives them: each message is the name of an event,
//! so that whoever counts by it finds all of its kind.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{
    fs,
    path::{Path, PathBuf},
};

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// A call that logs a line: what stands between its parentheses, split at the commas.
struct Line {
    file: PathBuf,
    arguments: Vec<String>,
}

/// Those of the producer, of all consumers and of what they stand on, without their tests.
fn lines() -> Vec<Line> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["producer/src", "consumers", "shared"] {
        collect(&root.join(folder), &mut files);
    }
    files.into_iter().flat_map(lines_of).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        match (path.is_dir(), name.as_str()) {
            (true, "tests") | (false, "tests.rs") => {}
            (true, _) => collect(&path, files),
            (false, _) if name.ends_with(".rs") => files.push(path),
            (false, _) => {}
        }
    }
}

fn lines_of(file: PathBuf) -> Vec<Line> {
    let source = fs::read_to_string(&file).unwrap();
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let begins = LEVELS.map(|level| format!("tracing::{level}!("));
    let calls = begins.iter().flat_map(|begin| code.split(begin.as_str()).skip(1));
    calls.map(|call| Line { file: file.clone(), arguments: arguments(call) }).collect()
}

/// The arguments of a call, whose text begins behind its opening parenthesis.
fn arguments(call: &str) -> Vec<String> {
    let (mut arguments, mut depth, mut in_text, mut escaped) = (vec![String::new()], 0, false, false);
    for character in call.chars() {
        match character {
            '"' if !escaped => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' | ']' | '}' if !in_text && depth == 0 => break,
            ')' | ']' | '}' if !in_text => depth -= 1,
            ',' if !in_text && depth == 0 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        escaped = character == '\\' && !escaped;
        arguments.last_mut().unwrap().push(character);
    }
    let arguments = arguments.into_iter().map(|argument| argument.trim().to_owned());
    arguments.filter(|argument| !argument.is_empty()).collect()
}

impl Line {
    fn message(&self) -> &str {
        let last = self.arguments.last().unwrap();
        let text = last.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        text.unwrap_or_else(|| panic!("{}: no message: {:?}", self.file.display(), self.arguments))
    }

    fn fields(&self) -> impl Iterator<Item = &str> {
        let fields = self.arguments[..self.arguments.len() - 1].iter();
        // Not a field, but which span it is an event of.
        let fields = fields.filter(|argument| !argument.starts_with("parent:"));
        fields.map(|field| field.split('=').next().unwrap().trim().trim_start_matches(['%', '?']))
    }
}

#[test]
fn a_message_is_a_name_without_values() {
    let lines = lines();
    assert!(lines.len() > 20, "they are not where they were");
    for line in &lines {
        let (message, file) = (line.message(), line.file.display());
        let begins_small = message.chars().next().is_some_and(|first| first.is_ascii_lowercase());
        assert!(begins_small && !message.ends_with('.'), "{file}: {message}");
        assert!(!message.contains(['{', '\n']), "{file}: a value belongs into a field: {message}");
    }
}

#[test]
fn a_failure_stands_in_the_field_error_and_fields_are_in_snake_case() {
    for line in lines() {
        for field in line.fields() {
            let file = line.file.display();
            assert!(!["why", "err", "e", "reason_why"].contains(&field), "{file}: {field} should be error");
            let is_name =
                field.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.#".contains(&b));
            assert!(is_name, "{file}: {field}");
        }
    }
}

#[test]
fn arguments_are_split_at_their_own_commas() {
    let call = "part = name(1, 2), error = %why, \"a message, with (signs)\");\nmore(code)";
    assert_eq!(arguments(call), ["part = name(1, 2)", "error = %why", "\"a message, with (signs)\""]);
}
