//! The system calls that compiling takes, and no others: seccomp.
//!
//! What libraries try by themselves and can do without, such as looking into /proc, is
//! refused. Everything else that is not listed ends the process at once.

/// Forbids all others to this thread and those that it starts.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(super) fn forbid() -> Result<(), String> {
    Err("nobody has listed what compiling takes on this system".to_owned())
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) use linux::forbid;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux {
    use std::collections::BTreeMap;

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, TargetArch, apply_filter,
    };

    #[cfg(target_arch = "x86_64")]
    const ARCH: TargetArch = TargetArch::x86_64;
    #[cfg(target_arch = "aarch64")]
    const ARCH: TargetArch = TargetArch::aarch64;

    /// What may be called with any arguments.
    const FREE: &[i64] = &[
        // The pipes, and files in memory that guests begin with.
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_pread64,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_pwrite64,
        libc::SYS_lseek,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_ftruncate,
        libc::SYS_memfd_create,
        // Memory, code among it.
        libc::SYS_brk,
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_madvise,
        libc::SYS_membarrier,
        // Threads; see also what is checked.
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_getcpu,
        // Traps of guests.
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        // Time and chance.
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_getrandom,
        libc::SYS_getrusage,
        libc::SYS_sysinfo,
        libc::SYS_uname,
        // The end.
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// What is refused as if the rights were wanting.
    const REFUSED: &[i64] = &[
        libc::SYS_openat,
        libc::SYS_readlinkat,
        libc::SYS_newfstatat,
        libc::SYS_statx,
        libc::SYS_faccessat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_readlink,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_stat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_access,
    ];

    /// What is refused as if the kernel had none of it: its arguments lie in memory and
    /// can't be checked, and the libraries go on with a call whose can.
    const ABSENT: &[i64] = &[libc::SYS_clone3];

    /// What a new task has to share with this one to be a thread of it.
    const THREAD: u64 = (libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND) as u64;

    pub(in super::super) fn forbid() -> Result<(), String> {
        install().map_err(|error| error.to_string())
    }

    /// The strictest of all filters that know a call decides; the one that allows is
    /// installed last, since it forbids installing another.
    fn install() -> Result<(), Error> {
        // A library that asks the kernel about itself remembers the answer: once asked,
        // it needs no call for it, nor a file.
        let _ = rustix::param::page_size();
        let refusal = |calls: &[i64], errno: i32| {
            let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
            filter(rules, SeccompAction::Allow, SeccompAction::Errno(errno as u32))
        };
        let filters = [
            refusal(REFUSED, libc::EACCES)?,
            refusal(ABSENT, libc::ENOSYS)?,
            filter(allowed()?, SeccompAction::KillProcess, SeccompAction::Allow)?,
        ];
        filters.iter().try_for_each(|filter| Ok(apply_filter(filter)?))
    }

    type Error = Box<dyn std::error::Error>;
    type Rules = BTreeMap<i64, Vec<SeccompRule>>;

    fn filter(
        rules: Rules,
        other: SeccompAction,
        listed: SeccompAction,
    ) -> Result<BpfProgram, Error> {
        Ok(SeccompFilter::new(rules, other, listed, ARCH)?.try_into()?)
    }

    /// All that is not ended: what may be called, and what is refused.
    fn allowed() -> Result<Rules, Error> {
        let free = FREE.iter().chain(REFUSED).chain(ABSENT);
        let mut rules: Rules = free.map(|call| (*call, Vec::new())).collect();
        let own = u64::from(std::process::id());
        let checked: [(i64, u8, SeccompCmpOp, &[u64]); 5] = [
            (libc::SYS_clone, 0, SeccompCmpOp::MaskedEq(THREAD), &[THREAD]),
            // An abort is a signal to the process itself.
            (libc::SYS_tgkill, 0, SeccompCmpOp::Eq, &[own]),
            // The limits of this process, which can be lowered only.
            (libc::SYS_prlimit64, 0, SeccompCmpOp::Eq, &[0]),
            (libc::SYS_prctl, 0, SeccompCmpOp::Eq, &[libc::PR_SET_NAME as u64]),
            (
                libc::SYS_fcntl,
                1,
                SeccompCmpOp::Eq,
                &[libc::F_GETFD as u64, libc::F_GETFL as u64, libc::F_ADD_SEALS as u64],
            ),
        ];
        for (call, argument, compare, values) in checked {
            let is_one_of = values.iter().map(|value| {
                let length = SeccompCmpArgLen::Dword;
                let condition = SeccompCondition::new(argument, length, compare.clone(), *value)?;
                SeccompRule::new(vec![condition])
            });
            rules.insert(call, is_one_of.collect::<Result<_, _>>()?);
        }
        Ok(rules)
    }
}
