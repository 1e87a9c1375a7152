//! The settings of a child as a file that a shell can read too: `set -a; . billing.env`.

use std::{fmt, fs, io, path::Path};

/// Environment variables, in the order in which they are written.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Variables(pub(crate) Vec<(String, String)>);

/// Names alone: some of the values are secrets.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

impl Variables {
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let line = |(name, value): &(String, String)| format!("{name}='{}'\n", value.replace('\'', r"'\''"));
        fs::write(path, self.0.iter().map(line).collect::<String>())
    }

    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        Ok(Self(text.lines().filter_map(variable).collect()))
    }

    /// These and more.
    pub(crate) fn and<'a>(mut self, more: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.0.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        self
    }

    /// These without some.
    pub(crate) fn without(mut self, is_out: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|(name, _)| !is_out(name));
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn variable(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
    Some((name.to_owned(), value.replace(r"'\''", "'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_shell_agrees() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let value = "Endpoint=sb://localhost;Key=a=b; 'quoted' $HOME";
        let written = Variables(vec![("BUS".to_owned(), value.to_owned())]);
        written.write(file.path()).unwrap();
        assert_eq!(Variables::read(file.path()).unwrap(), written);
        assert_eq!(format!("{written:?}"), r#"["BUS"]"#, "no value is shown");

        let script = format!(". {} && printf %s \"$BUS\"", file.path().display());
        let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(shell.stdout).unwrap(), value);
    }
}
