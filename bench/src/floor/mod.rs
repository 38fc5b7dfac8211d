//! Floors: the most that the machine can do, measured with the same batches as bare SQL, bare file writes and a bare
//! render loop.

pub(crate) mod check_ins;
mod check_ins_postgres;
pub(crate) mod disk;
pub(crate) mod files;
pub(crate) mod render;
pub(crate) mod sql;
