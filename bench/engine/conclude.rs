//! Figures of merit of a finished run.
use crate::setup::Setup;
use control::End;
use record::Folder;

pub(crate) fn summary(_setup: &Setup, _folder: &Folder, _end: &End, _words: &str) -> Result<String, record::Error> {
    Ok(String::new())
}
