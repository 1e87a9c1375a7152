//! What a process has used so far, as Linux counts it.

use std::{fs, ops::Sub, time::Duration};

use anyhow::Context;

/// The unit of CPU times in `/proc`, which Linux promises to programs: a hundredth of a second.
const TICK: Duration = Duration::from_millis(10);

/// CPU time and memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time of all threads.
    pub(crate) cpu: Duration,
    /// The most memory that was resident at once, in bytes.
    pub(crate) peak_bytes: u64,
}

impl Usage {
    /// # Errors
    /// The process has ended, or this is not Linux.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let read = |file| {
            let path = format!("/proc/{pid}/{file}");
            fs::read_to_string(&path).with_context(|| format!("{path} can't be read"))
        };
        let cpu = ticks(&read("stat")?).context("/proc/PID/stat is not as expected")?;
        let peak = kibibytes(&read("status")?, "VmHWM:").context("/proc/PID/status is not as expected")?;
        Ok(Self { cpu: TICK * cpu, peak_bytes: peak * 1024 })
    }
}

/// What was used since `earlier`; memory is a peak and stays as it is.
impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(earlier.cpu), ..self }
    }
}

/// Fields 14 and 15 of `stat`; counted from behind the name, which may hold spaces.
fn ticks(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut times = after_name.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

fn kibibytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_does_not_shift_the_times() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 3 0 100 1000 10";
        assert_eq!(ticks(stat), Some(175));
    }

    #[test]
    fn we_ourselves_use_memory() {
        assert!(Usage::of(std::process::id()).unwrap().peak_bytes > 1 << 20);
    }
}
