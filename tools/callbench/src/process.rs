//! What a process costs, from /proc.

use std::io;
use std::time::Duration;

/// Reads the CPU time and memory of a process.
#[derive(Debug, Clone, Copy)]
pub struct ProcessMeter {
    pid: u32,
}

impl ProcessMeter {
    /// Reads this process.
    #[must_use]
    pub const fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// CPU time of all its threads, user and system, since it started; in steps of a clock tick (10 ms).
    ///
    /// # Errors
    /// Where there is no such process.
    pub fn cpu(&self) -> io::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let ticks = cpu_ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
    }

    /// Resident memory in octets.
    ///
    /// # Errors
    /// Where there is no such process.
    pub fn resident_octets(&self) -> io::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        resident_octets(&status).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// User and system ticks of a `stat` line, whose second field is a name in parentheses that may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

fn resident_octets(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("7 (x) S"), None);
    }

    #[test]
    fn resident_memory_is_in_octets() {
        assert_eq!(resident_octets("Name:\tx\nVmRSS:\t   12 kB\n"), Some(12_288));
        assert_eq!(resident_octets("Name:\tx\n"), None);
    }

    #[test]
    fn work_costs_cpu_and_this_process_has_memory() {
        let meter = ProcessMeter::new(std::process::id());
        let before = meter.cpu().unwrap();
        let mut sum = 0u64;
        while meter.cpu().unwrap() == before {
            sum = (0..1_000_000u64).fold(sum, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
        }
        assert!(meter.resident_octets().unwrap() > 100_000, "{sum}");
    }
}
