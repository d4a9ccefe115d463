//! Where checks are kept, one file a device, so that every later run on it carries the newest.

use super::Checked;
use accelerator::Identity;
use std::path::{Path, PathBuf};

/// A check that was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Where.
    pub file: PathBuf,
    /// SHA-256 of that file.
    pub sha256: String,
    /// What.
    pub checked: Checked,
}

/// `$XDG_STATE_HOME/orbitbench/accelerators`, by default in `~/.local/state`; `None` for a user without a home.
pub fn folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("orbitbench/accelerators"))
}

/// The file of a device in `folder`: named by what names the device.
pub(super) fn file_of(folder: &Path, identity: &Identity) -> PathBuf {
    let name = identity.uuid.as_deref().unwrap_or(&identity.spec);
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    folder.join(format!("{safe}.toml"))
}

/// The newest check of this very device.
///
/// # Errors
/// In words, where there is none that can be read: which file, why, what to do.
pub fn latest(folder: &Path, identity: &Identity) -> Result<Kept, String> {
    let file = file_of(folder, identity);
    let again = format!("`orbitbench accelerator check {} --workload ...` makes one", identity.spec);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Err(format!("this card was never checked; {again}")),
        Err(why) => return Err(format!("the check in {} cannot be read: {why}; {again}", file.display())),
    };
    let checked: Checked =
        toml::from_str(&text).map_err(|why| format!("{} is no check: {}; {again}", file.display(), why.message().replace('\n', "; ")))?;
    if checked.accelerator != identity.spec {
        return Err(format!(
            "the check in {} is of another card, {}, and this is {}; {again}",
            file.display(),
            checked.accelerator,
            identity.spec
        ));
    }
    Ok(Kept { file, sha256: record::sha256(text.as_bytes()), checked })
}

/// Writes it as a whole or not at all.
pub(super) fn keep(file: &Path, checked: &Checked) -> Result<(), String> {
    let failed = |why: &dyn std::fmt::Display| format!("cannot keep the check in {}: {why}", file.display());
    let text = toml::to_string(checked).map_err(|e| failed(&e))?;
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| failed(&e))?;
    let mut fresh = tempfile::NamedTempFile::new_in(folder).map_err(|e| failed(&e))?;
    std::io::Write::write_all(&mut fresh, text.as_bytes()).map_err(|e| failed(&e))?;
    fresh.persist(file).map_err(|e| failed(&e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::characterise::Findings;

    #[test]
    fn a_check_is_found_by_its_device_alone() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let one = Identity { spec: "nvml:GPU-1".into(), uuid: Some("GPU-1".into()), ..Identity::default() };
        let other = Identity { spec: "nvml:MIG-GPU-1/2/0".into(), uuid: Some("MIG-GPU-1/2/0".into()), ..Identity::default() };
        let found = Findings { period_s: Some(0.1), ..Findings::default() };
        let checked = Checked::new(&found, &one, "none", true, jiff::Timestamp::UNIX_EPOCH);
        keep(&file_of(folder.path(), &one), &checked).expect("kept");
        assert_eq!(latest(folder.path(), &one).map(|k| k.checked), Ok(checked));
        assert!(latest(folder.path(), &other).is_err_and(|why| why.contains("never checked")));
        std::fs::copy(file_of(folder.path(), &one), file_of(folder.path(), &other)).expect("copied");
        assert!(latest(folder.path(), &other).is_err_and(|why| why.contains("is of another card, nvml:GPU-1")));
        std::fs::write(file_of(folder.path(), &one), "nonsense").expect("written");
        assert!(latest(folder.path(), &one).is_err_and(|why| why.contains("is no check")));
    }
}
