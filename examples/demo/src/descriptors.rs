//! File descriptors: a thousand connections need as many at each end.

/// Raises this process's limit, and that of the server it will start, as far as the
/// system lets it.
pub(crate) fn raise_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // Where it is refused, the limit stays; too few descriptors say so later.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}
