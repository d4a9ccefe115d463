//! What the tests of this crate share.

use crate::TwinSpec;
use signal::Document;

/// The shipped twin.
pub(crate) fn twin() -> TwinSpec {
    let document = Document::parse("twin.toml", include_str!("../../rigs/twin.toml"));
    let root = document.root();
    rig::RigFile::read(&root);
    let spec = TwinSpec::read(&root);
    document.finish(spec).expect("the shipped twin")
}
