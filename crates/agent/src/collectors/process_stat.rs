//! One process as `/proc/PID/stat` tells it, and the name it goes by in a series.

/// Linux limits a process' own name to this many bytes (TASK_COMM_LEN less the ending zero).
const COMM_BYTES: usize = 15;

/// The process that is the parent of all kernel threads.
const KTHREADD: u32 = 2;

/// The columns of `/proc/PID/stat` we read (proc_pid_stat(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessStat {
    pub pid: u32,
    pub comm: String,
    /// One letter: R, S, D, Z, T, I …
    pub state: char,
    pub parent: u32,
    /// User and system time, in clock ticks.
    pub cpu_ticks: u64,
    pub threads: u64,
    /// Ticks from boot to the start of the process: with the pid, its identity.
    pub start_ticks: u64,
    pub resident_pages: u64,
}

impl ProcessStat {
    /// `None` if the text is cut or garbled, as it is for a process that goes away meanwhile.
    pub fn parse(text: &str) -> Option<Self> {
        // The name stands in parentheses and may itself hold some: the last one closes it.
        let (pid, rest) = text.split_once(" (")?;
        let (comm, rest) = rest.rsplit_once(") ")?;
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |column: usize| words.get(column - 3)?.parse::<u64>().ok();
        Some(Self {
            pid: pid.parse().ok()?,
            comm: comm.to_owned(),
            state: words.first()?.chars().next()?,
            parent: words.get(1)?.parse().ok()?,
            cpu_ticks: number(14)?.checked_add(number(15)?)?,
            threads: number(20)?,
            start_ticks: number(22)?,
            resident_pages: number(24)?,
        })
    }

    pub fn is_kernel_thread(&self) -> bool {
        self.pid == KTHREADD || self.parent == KTHREADD
    }

    /// Whether the name is probably longer than what the kernel shows.
    pub fn is_cut(&self) -> bool {
        !self.is_kernel_thread() && self.comm.len() >= COMM_BYTES
    }

    /// The name of the series: a kernel thread without the CPU or device it is bound to (`kworker/0:1` is
    /// `kworker`), a process with its whole name where the command line continues the cut one.
    pub fn stable_name(&self, command_line: Option<&str>) -> String {
        if self.is_kernel_thread() {
            let end = self.comm.find(['/', ':']).unwrap_or(self.comm.len());
            return self.comm[..end].to_owned();
        }
        let program = command_line
            .and_then(|line| line.split('\0').next())
            .unwrap_or_default();
        let base = program.rsplit('/').next().unwrap_or_default();
        if base.starts_with(&self.comm) {
            base.to_owned()
        } else {
            self.comm.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ProcessStat;

    const STAT: &str = "4721 (a (very) odd) S 1 4721 4721 0 -1 4194560 1 2 3 4 50 25 0 0 20 0 3 0 9000 10000 321 18446744073709551615";

    #[test]
    fn a_name_may_hold_parentheses_and_spaces() {
        let stat = ProcessStat::parse(STAT).unwrap();
        assert_eq!(
            (stat.pid, stat.comm.as_str(), stat.state),
            (4721, "a (very) odd", 'S')
        );
        assert_eq!(
            (
                stat.cpu_ticks,
                stat.threads,
                stat.start_ticks,
                stat.resident_pages
            ),
            (75, 3, 9000, 321)
        );
    }

    #[test]
    fn a_cut_line_is_no_process() {
        assert_eq!(ProcessStat::parse(&STAT[..40]), None);
        assert_eq!(ProcessStat::parse(""), None);
    }

    #[test]
    fn names_are_stable() {
        let mut stat = ProcessStat::parse(STAT).unwrap();
        stat.comm = "kworker/3:2-eve".to_owned();
        stat.parent = 2;
        assert_eq!(stat.stable_name(None), "kworker");
        stat.parent = 1;
        stat.comm = "prometheus-node".to_owned();
        assert!(stat.is_cut());
        assert_eq!(
            stat.stable_name(Some("/usr/bin/prometheus-node-exporter\0--web")),
            "prometheus-node-exporter"
        );
        assert_eq!(
            stat.stable_name(Some("/usr/bin/python3\0script")),
            "prometheus-node"
        );
    }
}
