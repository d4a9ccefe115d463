//! Verbs that judge a run: compare it with its prediction, check its seal.

use crate::cli::CompareArgs;
use crate::exit::{BadInput, Exit};
use anyhow::Result;
use record::{COMPARISON, Folder, Verdict};
use report::compare::{Comparison, Pairing};
use report::gates::Preset;
use std::path::Path;
