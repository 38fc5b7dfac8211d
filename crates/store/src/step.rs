//! Failpoints: protocol steps at which a test can end the process.

/// Names a step. If `FAILPOINTS` names it (`name=return`, the syntax of the crate `fail`), the process aborts here: a
/// panic would end one task only. Without the feature `fail-points` it expands to nothing.
#[macro_export]
macro_rules! step {
    ($name:literal) => {
        #[cfg(feature = "fail-points")]
        {
            let _: Option<()> = ::fail::eval($name, |_| ::std::process::abort());
        }
    };
}
