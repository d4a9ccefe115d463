//! The text of a profile and a rig, read and checked; every problem of both at once. What the rig's parts were weighed to be is read with it.

use super::{Options, SetupError};
use model::Profile;
use rig::RigFile;
use signal::{Document, Problems};
use twin::TwinSpec;

/// A rig file with what it says of the twin; every problem at once.
pub fn parse_rig(file: &str, text: &str) -> Result<(RigFile, TwinSpec), Problems> {
    let document = Document::parse(file, text);
    let root = document.root();
    let read = (RigFile::read(&root), TwinSpec::read(&root));
    document.finish(read)
}

pub(super) fn parse(options: &Options) -> Result<(Profile, RigFile, TwinSpec), SetupError> {
    let profile = Profile::parse(&options.profile.file, &options.profile.text);
    let rig = parse_rig(&options.rig.file, &options.rig.text);
    match (profile, rig) {
        (Ok(profile), Ok((mut rig, twin))) => {
            rig.masses = crate::weigh::masses(&rig, &options.rig.from)?;
            Ok((profile, rig, twin))
        }
        (profile, rig) => {
            let mut all = Vec::new();
            all.extend(profile.err().into_iter().flat_map(|p| p.0));
            all.extend(rig.err().into_iter().flat_map(|p| p.0));
            Err(SetupError::Problems(Problems(all)))
        }
    }
}
