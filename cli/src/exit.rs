//! What the process says with its exit code. The numbers are stable.

use std::process::ExitCode;

macro_rules! exits {
    ($( $(#[doc = $doc:literal])+ $number:literal = $Exit:ident, )*) => {
        /// How a command ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Exit { $( $(#[doc = $doc])+ $Exit, )* }

        impl Exit {
            /// Every exit, in the order of the numbers.
            pub(crate) const ALL: &[Exit] = &[ $( Exit::$Exit, )* ];

            /// The exit code.
            pub(crate) fn number(self) -> u8 {
                match self { $( Exit::$Exit => $number, )* }
            }

            /// What it means, as the help says it.
            pub(crate) fn meaning(self) -> &'static str {
                match self { $( Exit::$Exit => concat!($($doc),+).trim_ascii(), )* }
            }
        }
    };
}

exits! {
    /// it worked
    0 = Done,
    /// the function returned an error, trapped or was cancelled
    1 = Failed,
    /// the words given cannot be understood
    2 = Usage,
    /// no server answers
    3 = Unreachable,
    /// the token is missing or wrong, or does not allow this
    4 = Denied,
    /// a limit was reached: time, memory, size or an allowance
    5 = Limit,
    /// there is no such session, module, function or reference
    6 = NotFound,
    /// the module is refused
    7 = Module,
    /// the server cannot do it now, is of another version or has a defect
    8 = Server,
    /// a file, folder or port of this machine cannot be used
    9 = Local,
    /// it was interrupted
    130 = Interrupted,
}

impl Exit {
    /// The list of exit codes for help texts.
    pub(crate) fn table() -> String {
        let lines =
            Exit::ALL.iter().map(|exit| format!("  {:>3}  {}", exit.number(), exit.meaning()));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_lists_them() {
        assert!(include_str!("../README.md").contains(&Exit::table()));
    }

    #[test]
    fn exit_codes_are_documented() {
        insta::assert_snapshot!(Exit::table(), @r"
          0  it worked
          1  the function returned an error, trapped or was cancelled
          2  the words given cannot be understood
          3  no server answers
          4  the token is missing or wrong, or does not allow this
          5  a limit was reached: time, memory, size or an allowance
          6  there is no such session, module, function or reference
          7  the module is refused
          8  the server cannot do it now, is of another version or has a defect
          9  a file, folder or port of this machine cannot be used
        130  it was interrupted
        ");
    }
}
