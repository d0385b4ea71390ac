//! No new privileges: a program with the set-user-id bit would run as anyone else's.

/// Gives them up.
#[cfg(target_os = "linux")]
pub(super) fn keep() -> Result<(), String> {
    rustix::thread::set_no_new_privs(true).map_err(|error| error.to_string())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn keep() -> Result<(), String> {
    Err(super::NOT_HERE.to_owned())
}
