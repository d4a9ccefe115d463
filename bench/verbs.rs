//! What each verb does: glue between what was typed and the floors that do the work.

pub(crate) mod attach;
pub(crate) mod calibrate;
pub(crate) mod check;
pub(crate) mod commission;
pub(crate) mod device;
pub(crate) mod emulate;
pub(crate) mod files;
pub(crate) mod import;
pub(crate) mod judge;
pub(crate) mod make;
pub(crate) mod masses;
pub(crate) mod plot;
pub(crate) mod probe;
pub(crate) mod rehearse;
pub(crate) mod run;
pub(crate) mod size;
pub(crate) mod sweep;
pub(crate) mod weigh;
pub(crate) mod workload;
pub(crate) mod workmap;
