//! Reads an operator's file, which is short.

use std::{fs::File, io::Read};

use crate::FileError;

/// The longest file of rules, in bytes. A thousand rules take a fifth of it; a longer one is something else.
const LONGEST_FILE: u64 = 1024 * 1024;

/// The text in a file.
///
/// # Errors
/// That it can't be read and why, by its path and the system's word; nothing that stands in it.
pub fn text_of(file: &str) -> Result<String, FileError> {
    let mut text = String::new();
    let opened = File::open(file).and_then(|file| file.take(LONGEST_FILE + 1).read_to_string(&mut text));
    let length = opened.map_err(|error| FileError::unreadable(file, error))?;
    if length as u64 > LONGEST_FILE {
        return Err(FileError::unreadable(file, format!("longer than {LONGEST_FILE} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_is_told_by_its_path_alone() {
        let folder = tempfile::tempdir().unwrap();
        let written = |name: &str, content: &[u8]| {
            let path = folder.path().join(name).display().to_string();
            std::fs::write(&path, content).unwrap();
            (text_of(&path).map_err(|error| error.to_string()), path)
        };
        assert_eq!(written("good", b"a = 1").0, Ok("a = 1".to_owned()));
        let (binary, path) = written("binary", b"hush\xff\xfe");
        let binary = binary.unwrap_err();
        assert!(
            binary.starts_with(&format!("{path}: can't be read: ")) && !binary.contains("hush"),
            "{binary}"
        );
        let (huge, path) = written("huge", &vec![b'#'; 1024 * 1024 + 1]);
        assert_eq!(huge.unwrap_err(), format!("{path}: can't be read: longer than 1048576 bytes"));
        let nowhere = text_of("/nowhere/rules.toml").unwrap_err().to_string();
        assert!(nowhere.starts_with("/nowhere/rules.toml: can't be read: "), "{nowhere}");
    }
}
