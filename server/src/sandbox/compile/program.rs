//! Which program compiles modules.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The setting that has the program found.
const AUTO: &str = "auto";

/// Whether this program can be its own compiler.
static IS_COMPILER: AtomicBool = AtomicBool::new(false);

/// Notes that this program, started again, would compile.
pub(super) fn can_compile() {
    IS_COMPILER.store(true, Ordering::Relaxed);
}

/// Who compiles.
#[derive(Clone, Debug)]
pub(super) enum Program {
    /// A child process of this program.
    Child(PathBuf),
    /// A thread of this process, where there is no such program.
    Here,
}

impl Program {
    /// The program of the setting. Without one: this program, if it can compile, or
    /// `farside` beside it or on the path.
    ///
    /// # Errors
    /// The program of the setting, if there is no such file.
    pub(super) fn find(setting: &str) -> Result<Program, PathBuf> {
        if setting != AUTO {
            let program = PathBuf::from(setting);
            return if program.is_file() { Ok(Program::Child(program)) } else { Err(program) };
        }
        let own = env::current_exe().ok();
        if IS_COMPILER.load(Ordering::Relaxed)
            && let Some(own) = own
        {
            return Ok(Program::Child(own));
        }
        let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = beside.into_iter().chain(env::split_paths(&path));
        let name = Path::new("farside").with_extension(env::consts::EXE_EXTENSION);
        let program = folders.map(|folder| folder.join(&name)).find(|path| path.is_file());
        Ok(program.map_or(Program::Here, Program::Child))
    }
}
