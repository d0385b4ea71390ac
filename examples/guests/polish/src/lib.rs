//! An evaluator as small as they come: a calculator in reverse Polish notation, for
//! `farside serve --evaluator polish=polish.wasm`.
//!
//! `2 3 +` is 5, and `5 =x` sets a variable. What an evaluator exports is told in
//! `evaluators/README.md`.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::BTreeMap;

use farside_guest::function;
use serde::{Deserialize, Serialize};

type Variables = BTreeMap<String, f64>;

thread_local! {
    /// They last as long as the instance.
    static VARIABLES: RefCell<Variables> = const { RefCell::new(Variables::new()) };
}

/// What went wrong, in the form that clients know from other evaluators.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrong {
    r#type: String,
    message: String,
    traceback: String,
}

/// The number that is left at the end.
#[function]
fn eval(source: String, bindings: Option<Variables>, name: Option<String>) -> Result<f64, Wrong> {
    match run(&source, bindings, name.as_deref())?[..] {
        [value] => Ok(value),
        ref values => {
            let message = format!("{} numbers are left, not one", values.len());
            Err(wrong("StackError", message, &source, name.as_deref()))
        }
    }
}

/// Runs words; what is left at the end is forgotten.
#[function]
fn execute(source: String, bindings: Option<Variables>, name: Option<String>) -> Result<(), Wrong> {
    run(&source, bindings, name.as_deref()).map(drop)
}

/// The variables whose names begin like this.
#[function]
fn names(prefix: String) -> Vec<String> {
    VARIABLES.with_borrow(|variables| {
        variables.keys().filter(|name| name.starts_with(&prefix)).cloned().collect()
    })
}

/// Forgets every variable.
#[function]
fn reset() {
    VARIABLES.take();
}

fn run(source: &str, bindings: Option<Variables>, name: Option<&str>) -> Result<Vec<f64>, Wrong> {
    VARIABLES.with_borrow_mut(|variables| {
        variables.extend(bindings.unwrap_or_default());
        let mut stack = Vec::new();
        for word in source.split_whitespace() {
            step(word, &mut stack, variables)
                .map_err(|(kind, message)| wrong(kind, message, word, name))?;
        }
        Ok(stack)
    })
}

fn step(
    word: &str,
    stack: &mut Vec<f64>,
    variables: &mut Variables,
) -> Result<(), (&'static str, String)> {
    let mut pop = || stack.pop().ok_or_else(|| ("StackError", "a number is missing".to_owned()));
    let value = match word {
        "+" => pop()? + pop()?,
        "*" => pop()? * pop()?,
        "-" => -pop()? + pop()?,
        "/" => 1.0 / pop()? * pop()?,
        _ => match (word.strip_prefix('='), word.parse()) {
            (Some(name), _) => {
                variables.insert(name.to_owned(), pop()?);
                return Ok(());
            }
            (None, Ok(number)) => number,
            (None, Err(_)) => *variables
                .get(word)
                .ok_or_else(|| ("NameError", format!("there is no variable {word}")))?,
        },
    };
    stack.push(value);
    Ok(())
}

fn wrong(kind: &str, message: String, at: &str, name: Option<&str>) -> Wrong {
    let traceback = format!("{}: at {at}\n{kind}: {message}", name.unwrap_or("<source>"));
    Wrong { r#type: kind.to_owned(), message, traceback }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(source: &str) -> Result<f64, Wrong> {
        eval(source.to_owned(), None, None)
    }

    #[test]
    fn words_are_done_from_left_to_right() {
        assert_eq!(value("2 3 +"), Ok(5.0));
        assert_eq!(value("7 2 - 4 * 8 /"), Ok(2.5));
        assert_eq!(value("+").unwrap_err().r#type, "StackError");
        assert_eq!(value("1 2").unwrap_err().message, "2 numbers are left, not one");
    }

    #[test]
    fn variables_last_until_they_are_forgotten() {
        execute("5 =x".to_owned(), None, None).unwrap();
        assert_eq!(value("x x *"), Ok(25.0));
        assert_eq!(names("x".to_owned()), ["x"]);
        reset();
        assert_eq!(
            value("x").unwrap_err().traceback,
            "<source>: at x\nNameError: there is no variable x"
        );
    }
}
