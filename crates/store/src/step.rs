//! Steps of the protocol at which a test can end the process.

/// Names a step. Where `FAILPOINTS` asks for it (`name=return`, as the crate `fail` writes it), the process ends here by
/// abort: a panic would end one task only. Without the feature `fail-points` it is nothing at all.
#[macro_export]
macro_rules! step {
    ($name:literal) => {
        #[cfg(feature = "fail-points")]
        {
            let _: Option<()> = ::fail::eval($name, |_| ::std::process::abort());
        }
    };
}
