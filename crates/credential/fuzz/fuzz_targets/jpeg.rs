#![no_main]

#[path = "../checks.rs"]
#[expect(dead_code, reason = "each target runs one of the checks")]
mod checks;

libfuzzer_sys::fuzz_target!(
    // The library catches its decoders' panics; libFuzzer's hook would end the process before it can.
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| checks::jpeg(data)
);
