//! Finding a module or a function by the name that was typed.

use farside_protocol::manifest::Function;
use farside_protocol::outline::ModuleOutline;
use farside_protocol::value::nearest;

/// Why a name stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LookupError {
    /// The session has no modules at all.
    #[error("the session has no modules")]
    NoModules,
    /// Nothing has this name.
    #[error("the session has no {what} `{name}`")]
    Unknown {
        /// `module` or `function`, or both.
        what: &'static str,
        /// The name.
        name: String,
        /// What may have been meant, best first.
        nearest: Vec<String>,
    },
    /// Several modules have a function of this name.
    #[error("several modules have a function `{name}`")]
    Ambiguous {
        /// The name.
        name: String,
        /// The functions' full names.
        candidates: Vec<String>,
    },
}

impl LookupError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        let list = |names: &[String]| {
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
        };
        match self {
            LookupError::NoModules => "`farside upload FILE` brings one".to_owned(),
            LookupError::Unknown { nearest, .. } if nearest.is_empty() => {
                "`farside describe` lists what there is".to_owned()
            }
            LookupError::Unknown { nearest, .. } => format!("did you mean {}?", list(nearest)),
            LookupError::Ambiguous { candidates, .. } => format!("say {}", list(candidates)),
        }
    }
}

/// What a name stands for.
#[derive(Debug, PartialEq)]
pub(crate) enum Found<'a> {
    /// A module.
    Module(&'a ModuleOutline),
    /// A function of a module.
    Function(&'a ModuleOutline, &'a Function),
}

/// The function of a name: `module.function`, or `function` while it is unique.
///
/// # Errors
/// It stands for none or for several.
pub(crate) fn find_function<'a>(
    modules: &'a [ModuleOutline],
    name: &str,
) -> Result<(&'a ModuleOutline, &'a Function), LookupError> {
    if modules.is_empty() {
        return Err(LookupError::NoModules);
    }
    // A function's own name may have dots too.
    if let Some((module, function)) = name.split_once('.')
        && let Some(module) = modules.iter().find(|one| one.name == module)
    {
        let found = module.manifest.function(function);
        let found = found.map(|(_, function)| (module, function));
        return found.ok_or_else(|| unknown(modules, "function", name));
    }
    let having: Vec<_> = modules
        .iter()
        .filter_map(|module| Some((module, module.manifest.function(name)?.1)))
        .collect();
    match having[..] {
        [] => Err(unknown(modules, "function", name)),
        [one] => Ok(one),
        _ => Err(LookupError::Ambiguous {
            name: name.to_owned(),
            candidates: having
                .iter()
                .map(|(module, _)| format!("{}.{name}", module.name))
                .collect(),
        }),
    }
}

/// The module or function of a name; a module's name wins.
///
/// # Errors
/// As for [`find_function`].
pub(crate) fn find<'a>(modules: &'a [ModuleOutline], name: &str) -> Result<Found<'a>, LookupError> {
    if let Some(module) = modules.iter().find(|module| module.name == name) {
        return Ok(Found::Module(module));
    }
    match find_function(modules, name) {
        Ok((module, function)) => Ok(Found::Function(module, function)),
        Err(LookupError::Unknown { .. }) => Err(unknown(modules, "module or function", name)),
        Err(other) => Err(other),
    }
}

fn unknown(modules: &[ModuleOutline], what: &'static str, name: &str) -> LookupError {
    let full: Vec<String> = modules
        .iter()
        .flat_map(|module| {
            let functions = module.manifest.functions.iter();
            functions.map(move |function| format!("{}.{}", module.name, function.name))
        })
        .collect();
    // A name without its module is compared with names without theirs.
    let near: Vec<String> = match name.contains('.') {
        true => {
            nearest(name, full.iter().map(String::as_str)).into_iter().map(str::to_owned).collect()
        }
        false => {
            let short = full.iter().filter_map(|name| Some(name.split_once('.')?.1));
            let modules = modules.iter().map(|module| module.name.as_str());
            let names: Vec<_> = match what {
                "function" => nearest(name, short),
                _ => nearest(name, short.chain(modules)),
            };
            names.into_iter().map(str::to_owned).collect()
        }
    };
    LookupError::Unknown { what, name: name.to_owned(), nearest: near }
}

#[cfg(test)]
pub(crate) mod tests {
    use farside_protocol::ModuleHash;
    use farside_protocol::manifest::Manifest;
    use insta::assert_snapshot;

    use super::*;

    /// A module with functions of these names.
    pub(crate) fn module(name: &str, functions: &[&str]) -> ModuleOutline {
        let functions = functions
            .iter()
            .map(|name| Function { name: (*name).to_owned(), ..Function::default() })
            .collect();
        ModuleOutline {
            number: 0,
            name: name.to_owned(),
            hash: ModuleHash([0; 32]),
            instance: "none".to_owned(),
            poison: None,
            metered: false,
            manifest: Manifest { functions, ..Manifest::default() },
        }
    }

    fn check(name: &str) -> String {
        let modules = [
            module("hello", &["greet", "square"]),
            module("stats", &["mean", "spread"]),
            module("v1_2", &["mean", "io.read", "hello.write"]),
        ];
        let told = |error: LookupError| format!("{error}; {}", error.hint());
        match find(&modules, name) {
            Ok(Found::Module(module)) => format!("module {}", module.name),
            Ok(Found::Function(module, function)) => {
                format!("{} of {}", function.name, module.name)
            }
            Err(error) => told(error),
        }
    }

    #[test]
    fn names_are_found_with_and_without_their_module() {
        assert_snapshot!(check("hello"), @"module hello");
        assert_snapshot!(check("greet"), @"greet of hello");
        assert_snapshot!(check("stats.mean"), @"mean of stats");
        assert_snapshot!(check("v1_2.mean"), @"mean of v1_2");
        assert_snapshot!(check("io.read"), @"io.read of v1_2");
        assert_snapshot!(check("v1_2.io.read"), @"io.read of v1_2");
        assert_snapshot!(check("v1_2.hello.write"), @"hello.write of v1_2");
        assert_snapshot!(check("hello.write"), @"the session has no module or function `hello.write`; did you mean `hello.greet`?");
        assert_snapshot!(check("mean"), @"several modules have a function `mean`; say `stats.mean` or `v1_2.mean`");
    }

    #[test]
    fn unknown_names_are_told_their_neighbours() {
        assert_snapshot!(check("greeet"), @"the session has no module or function `greeet`; did you mean `greet`?");
        assert_snapshot!(check("stats.maen"), @"the session has no module or function `stats.maen`; did you mean `stats.mean`?");
        assert_snapshot!(check("stat"), @"the session has no module or function `stat`; did you mean `stats`?");
        assert_snapshot!(check("entirely_else"), @"the session has no module or function `entirely_else`; `farside describe` lists what there is");
        let error = find_function(&[], "greet").unwrap_err();
        assert_snapshot!(format!("{error}; {}", error.hint()), @"the session has no modules; `farside upload FILE` brings one");
    }
}
