//! Verbs that judge a run: compare it with its prediction, check its seal.

use crate::cli::CompareArgs;
use crate::exit::{BadInput, Exit};
use anyhow::Result;
use record::{Folder, Verdict};
use report::{Comparison, compare_files, compare_run, parse_map, preset};
use std::collections::BTreeMap;
use std::path::Path;

/// The run that is meant: a folder, a name, its beginning, or the newest.
fn run_folder(out: &Path, wanted: Option<&str>) -> Result<Folder> {
    Folder::find(out, wanted.unwrap_or("latest")).map_err(|why| BadInput(why.to_string()).into())
}

pub(crate) fn compare(args: &CompareArgs) -> Result<Exit> {
    let gates = preset(&args.gates).map_err(|why| BadInput(why.to_string()))?;
    let comparison = match (&args.run, &args.model) {
        (Some(measured), Some(model)) => {
            let map = match &args.map {
                Some(path) => {
                    let text = std::fs::read_to_string(path).map_err(|why| BadInput(format!("cannot read {}: {why}", path.display())))?;
                    parse_map(path, &text).map_err(|why| BadInput(why.to_string()))?
                }
                None => BTreeMap::new(),
            };
            compare_files(Path::new(measured), model, &map, gates)
        }
        (run, _) => compare_run(&run_folder(&args.out, run.as_deref())?, gates),
    }
    .map_err(|why| BadInput(why.to_string()))?;
    if args.json {
        say!("{}", serde_json::to_string_pretty(&comparison)?);
    } else {
        say!("{}", comparison.to_string().trim_end());
    }
    if args.model.is_none() && matches!(record::verify(&run_folder(&args.out, args.run.as_deref())?)?, Verdict::Tampered { .. }) {
        return Ok(Exit::Tampered);
    }
    Ok(if comparison.any_gate_failed() { Exit::GateFailed } else { Exit::Done })
}

/// The comparison of a run that just ended; also writes `comparison.csv`.
pub(crate) fn of_ended(folder: &Path) -> Result<Comparison> {
    Ok(compare_run(&Folder::open(folder)?, &report::PRESETS[0])?)
}

pub(crate) fn verify(run: Option<&str>, out: &Path) -> Result<Exit> {
    // A work map has a folder and a seal of its own.
    let map = run.map(Path::new).and_then(|path| Folder::open_map(path).ok());
    let folder = map.map_or_else(|| run_folder(out, run), Ok)?;
    let verdict = record::verify(&folder)?;
    say!("{}: {verdict}", folder.name());
    Ok(match verdict {
        Verdict::Sealed { .. } => Exit::Done,
        Verdict::Unsealed { .. } => Exit::Unsealed,
        Verdict::Tampered { .. } => Exit::Tampered,
    })
}
