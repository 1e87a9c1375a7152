//! Where the other programs are: beside this one, as `make build` and every package put them.

use std::path::PathBuf;

use usher_service::Failure;

/// The path of one of our programs.
///
/// # Errors
/// [`Failure::Unavailable`] if it isn't there, saying what puts it there.
pub(crate) fn find(name: &str) -> Result<PathBuf, Failure> {
    let own =
        std::env::current_exe().map_err(|e| Failure::Unavailable(format!("can't tell where I am: {e}")))?;
    let path = own.with_file_name(name).with_extension(std::env::consts::EXE_EXTENSION);
    if path.is_file() {
        return Ok(path);
    }
    Err(Failure::Unavailable(format!("{} is missing: run `make build`", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_says_how_to_get_it() {
        let error = find("usher-nothing").unwrap_err();
        assert!(matches!(error, Failure::Unavailable(_)));
        assert!(error.to_string().contains("make build"));
    }
}
