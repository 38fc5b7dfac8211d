//! Memory and CPU time of the service's process, from `/proc`.

use std::time::Duration;

use anyhow::{Context, Result};

/// The peak resident memory of the process, in bytes: `VmHWM` of `/proc/PID/status`.
pub(crate) fn peak_memory(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().context("VmHWM is no number")?;
    Ok(kilobytes * 1024)
}

/// The CPU time of its threads, in user code and in the kernel: `utime` and `stime` of `/proc/PID/stat`.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    // The second field is the program's name in parentheses, which may contain anything; `utime` is the 14th.
    let (_, after) = text.rsplit_once(')').context("no name in /proc/PID/stat")?;
    let mut fields = after.split_ascii_whitespace().skip(11);
    let mut ticks = || -> Result<u64> { Ok(fields.next().context("/proc/PID/stat is short")?.parse()?) };
    let total = ticks()? + ticks()?;
    Ok(Duration::from_secs_f64(total as f64 / rustix::param::clock_ticks_per_second() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_both() {
        let pid = std::process::id();
        assert!(peak_memory(pid).unwrap() > 1 << 20);
        let mut sum = 0_u64;
        while cpu_time(pid).unwrap() < Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }
}
