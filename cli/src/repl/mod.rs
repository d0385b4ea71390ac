//! A conversation in the language of an evaluator: sources go in, and what became of
//! them comes out.
//!
//! It knows no terminal: who enters the sources (`editor`, or lines of a pipe by way of
//! `gather`) is the command's affair. It lasts as long as its connection; the variables
//! are the session's and outlast it.

pub(crate) mod command;
pub(crate) mod completion;
pub(crate) mod editor;
pub(crate) mod gather;
mod result;
pub(crate) mod syntax;
mod token;

use std::pin::pin;

use farside::outline::RefOutline;
use farside::{ErrorCode, Far, GetError};

use crate::exit::Exit;
use crate::fault::{Blame, Fault, Why};
use crate::guest_log::GuestLog;
use crate::output::{note, print};
use crate::remote::Here;
use crate::shell::stop::Stop;
use crate::show::plain::plain;
use crate::source_text::until_ready;

use command::{Command, HELP};
use completion::Completion;
use result::{is_nil, settled, show};
use syntax::Syntax;
use token::is_of_name;

/// What could not be done if an evaluation fails.
const WHAT: &str = "cannot evaluate it";

/// A conversation with one language of a session.
pub(crate) struct Conversation {
    here: Here,
    language: String,
    last: Option<Last>,
}

/// The last result.
struct Last {
    far: Far<()>,
    /// Whether the evaluator's `_` is this result already.
    is_bound: bool,
}

/// What became of a source or command; a person has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Done,
    Failed(Exit),
    /// It was stopped, as a person asked.
    Interrupted,
    /// It was to end the conversation.
    Ended,
}

impl Conversation {
    /// Begins, once the language's evaluator is ready.
    ///
    /// # Errors
    /// The server has no such language, or the connection is lost.
    pub(crate) async fn begin(
        here: Here,
        language: &str,
        stop: &mut Stop,
    ) -> Result<Conversation, Fault> {
        let mut begun = Conversation { here, language: language.to_owned(), last: None };
        begun.change_language(language, stop).await?;
        Ok(begun)
    }

    pub(crate) fn syntax(&self) -> Syntax {
        Syntax::of(&self.language)
    }

    pub(crate) fn completion(&self) -> Completion {
        Completion { session: self.here.session.clone(), language: self.language.clone() }
    }

    /// Says where one is.
    pub(crate) fn greet(&self) {
        let (language, id) = (plain(&self.language), self.here.session.id());
        note(format_args!("{language} in session {id}; :help says more, Ctrl-D ends"));
    }

    /// Evaluates a source or does what a command says, and tells what became of it.
    ///
    /// # Errors
    /// The connection is lost, or nobody reads what is printed.
    pub(crate) async fn take(&mut self, source: &str, stop: &mut Stop) -> Result<Turn, Fault> {
        let mut interrupted = false;
        let done = match source.starts_with(':') {
            true => self.command(source, stop).await,
            false if self.syntax().is_blank(source) => Ok(Turn::Done),
            false => self.evaluate(source, stop, &mut interrupted).await,
        };
        let turn = match done {
            Ok(turn) => turn,
            Err(fault) if fault.ends_conversation() => return Err(fault),
            Err(fault) => {
                let exit = fault.report_in_conversation();
                self.tell_of_variables(interrupted).await;
                Turn::Failed(exit)
            }
        };
        Ok(if interrupted { Turn::Interrupted } else { turn })
    }

    /// Ends, once the server knows that the last result can go.
    pub(crate) async fn end(mut self) {
        self.last = None;
        // A lost connection has ended it already.
        let _ = self.here.session.flush().await;
    }

    async fn command(&mut self, line: &str, stop: &mut Stop) -> Result<Turn, Fault> {
        match line.parse::<Command>().blame("cannot do it")? {
            Command::Help => print(HELP).blame("cannot print")?,
            Command::Quit => return Ok(Turn::Ended),
            Command::Renew => {
                let language = plain(&self.language).into_owned();
                let what = format!("cannot renew {language}");
                self.here.session.renew(&self.language).await.blame(&what)?;
                self.unbind();
                note(format_args!("renewed {language}: its variables are forgotten"));
            }
            Command::Language(name) => self.change_language(&name, stop).await?,
        }
        Ok(Turn::Done)
    }

    /// Goes on in another language, once its evaluator is ready. One whose instance is
    /// poisoned is no failure: that is told, and how to mend it.
    async fn change_language(&mut self, language: &str, stop: &mut Stop) -> Result<(), Fault> {
        let what = format!("cannot speak {}", plain(language));
        let answer = until_ready(&self.here, language, stop, &what).await;
        let is_poisoned = |fault: &Fault| fault.code() == Some(ErrorCode::Poisoned);
        if !answer.as_ref().err().is_none_or(is_poisoned) {
            return answer;
        }
        self.language = language.to_owned();
        self.unbind();
        if let Err(poisoned) = answer {
            poisoned.report_in_conversation();
            self.tell_of_variables(false).await;
        }
        Ok(())
    }

    /// The evaluator knows of no last result.
    fn unbind(&mut self) {
        if let Some(last) = &mut self.last {
            last.is_bound = false;
        }
    }

    async fn evaluate(
        &mut self,
        source: &str,
        stop: &mut Stop,
        interrupted: &mut bool,
    ) -> Result<Turn, Fault> {
        let mut log = GuestLog::as_output(&self.here.session);
        let far = self.send(source)?;
        let settled = {
            let mut settling = pin!(settled(&self.here.session, &far, WHAT));
            let mut settled = tokio::select! {
                settled = &mut settling => Some(settled),
                never = log.follow() => match never {},
                () = stop.next() => None,
            };
            if settled.is_none() {
                *interrupted = true;
                far.cancel();
                // The server says what became of it; who does not want to wait for that
                // asks again.
                settled = Some(tokio::select! {
                    settled = &mut settling => settled,
                    never = log.follow() => match never {},
                    () = stop.next() => Err(Fault::new(WHAT, Why::Interrupted)),
                });
            }
            settled
        };
        log.finish().await;
        if let Some(outline) = settled.transpose()? {
            if let Some(last) = &mut self.last {
                last.is_bound |= mentions(source, "_");
            }
            self.tell(far, &outline).await?;
        }
        Ok(Turn::Done)
    }

    /// Sends a source, with the last result if it is mentioned and not there yet.
    fn send(&self, source: &str) -> Result<Far<()>, Fault> {
        let language = self.here.session.language(&self.language);
        let last = self.last.as_ref().filter(|last| !last.is_bound && mentions(source, "_"));
        let far = match last {
            Some(last) => language.eval_with(source, (("_", &last.far),)),
            None => language.eval(source),
        };
        match far.broken() {
            Some(failure) => Err(Fault::new(WHAT, GetError::Failed(failure.clone()))),
            None => Ok(far),
        }
    }

    /// Prints a result and makes it the last one. The server keeps it for others if its
    /// reference is told.
    async fn tell(&mut self, far: Far<()>, outline: &RefOutline) -> Result<(), Fault> {
        if is_nil(outline) {
            return Ok(());
        }
        let shown = show(&self.here.session, &far, outline, WHAT).await?;
        let far = match shown.rest {
            Some(_) => self.here.session.far(far.keep()),
            None => far,
        };
        let id = far.id();
        self.last = Some(Last { far, is_bound: false });
        if let Some(text) = shown.text {
            print(text).blame("cannot print")?;
        }
        if let Some(rest) = shown.rest {
            print(format_args!("\x1b[2m{rest}\x1b[0m")).blame("cannot print")?;
            self.here.remember(id)?;
        }
        Ok(())
    }

    /// Says whether the variables are lost, as the server knows it; and that they are
    /// not, after an interrupt.
    async fn tell_of_variables(&self, interrupted: bool) {
        let Ok(session) = self.here.session.describe().await else { return };
        let module = session.modules.into_iter().find(|module| module.name == self.language);
        match module.map(|module| module.instance) {
            Some(state) if state == "poisoned" => {
                note("\x1b[1;36mhint\x1b[0m: the variables are lost; :renew begins anew");
            }
            Some(_) if interrupted => note("the variables are kept"),
            _ => {}
        }
    }
}

/// Whether a name stands somewhere in a source, in a text perhaps, which may be a
/// template.
fn mentions(source: &str, name: &str) -> bool {
    source.split(|c| !is_of_name(c)).any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mentioned_where_it_stands_alone() {
        for source in ["_", "len(_)", "f'{_}'", "_.x", "1+_"] {
            assert!(mentions(source, "_"), "{source}");
        }
        for source in ["__", "_x", "x_", "$_", "1_000", ""] {
            assert!(!mentions(source, "_"), "{source}");
        }
    }
}
