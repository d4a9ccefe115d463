//! What each verb does: glue between what was typed and the floors that do the work.

pub(crate) mod attach;
pub(crate) mod emulate;
pub(crate) mod files;
pub(crate) mod judge;
pub(crate) mod rehearse;
pub(crate) mod run;
