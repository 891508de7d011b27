//! Pure: reads variables one by one and gathers what is wrong with them.

use std::path::PathBuf;
use std::time::Duration;

use pilotfish_protocol::{Token, limits};

use super::fault::{ConfigFaults, Fault, Shown};
use super::go_values;
use super::server_url::ServerUrl;
use super::table::{Variable, file_variable};
use super::vars::{Given, SecretFile, Vars};

/// Reads variables out of [`Vars`]. A value that is wrong becomes a fault, and the answer is then only a place holder.
pub(super) struct Reader<'a> {
    vars: &'a Vars,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(vars: &'a Vars) -> Self {
        Self {
            vars,
            faults: Vec::new(),
        }
    }

    /// Ends the reading.
    pub(super) fn end(self) -> Result<(), ConfigFaults> {
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(ConfigFaults {
                faults: self.faults,
            }),
        }
    }

    /// Tells whether nothing was found wrong with `variable`.
    pub(super) fn is_good(&self, variable: &Variable) -> bool {
        self.faults.iter().all(|fault| fault.name != variable.name)
    }

    /// Adds a fault of a variable whose value was understood.
    pub(super) fn refuse(&mut self, variable: &Variable, what: &str) {
        let text = self.text(variable);
        let shown = text.map(Shown::plain);
        self.fault(variable.name, shown, what);
    }

    /// Reads the server's URL, which may hold a password where it should not: then nothing of it is shown.
    pub(super) fn server(&mut self, variable: &Variable) -> Option<ServerUrl> {
        let Some(text) = self.text(variable) else {
            self.fault(
                variable.name,
                None,
                "is required, e.g. \"wss://dockmon.example.org\"",
            );
            return None;
        };
        let may_hold_secret = text.contains(['@', '?', '#']);
        let shown = if may_hold_secret {
            Shown::masked()
        } else {
            Shown::plain(text)
        };
        self.or_fault(variable, shown, ServerUrl::parse(text.trim()))
    }

    pub(super) fn boolean(&mut self, variable: &Variable) -> bool {
        self.parsed(variable, go_values::boolean)
            .unwrap_or_default()
    }

    /// Reads a duration that must not be zero.
    pub(super) fn duration(&mut self, variable: &Variable) -> Duration {
        let positive = |text: &str| match go_values::duration(text) {
            Ok(Duration::ZERO) => Err(format!(
                "must be longer than zero, e.g. \"{}\"",
                variable.default
            )),
            read => read,
        };
        self.parsed(variable, positive).unwrap_or_default()
    }

    pub(super) fn path(&mut self, variable: &Variable) -> Option<PathBuf> {
        self.parsed(variable, |text| Ok(PathBuf::from(text)))
    }

    /// Reads a plain variable, or its default; `None` when there is neither, or a fault.
    pub(super) fn parsed<T>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(variable)?;
        self.or_fault(variable, Shown::plain(text), parse(text))
    }

    /// Reads a token from the variable, from the file that `NAME_FILE` names, or from the credentials directory.
    pub(super) fn token(&mut self, variable: &Variable) -> Option<Token> {
        let file_variable = file_variable(variable.name);
        let value = self.text(variable);
        let path = self.vars.value(&file_variable);
        match (value, path) {
            (Some(_), Some(_)) => {
                let what = format!("is set, and {file_variable} too; keep one of them");
                self.fault(variable.name, Some(Shown::masked()), &what);
                None
            }
            (Some(text), None) => {
                let token = Token::new(text.trim()).map_err(|error| not_a_token(&error.why));
                self.or_fault(variable, Shown::masked(), token)
            }
            (None, Some(path)) => {
                let shown = match path {
                    Given::Text(path) => Shown::plain(path),
                    Given::NotUnicode => Shown::masked(),
                };
                let file = self.vars.named_file(variable)?;
                let token = token_in(file);
                token
                    .map_err(|what| self.fault(&file_variable, Some(shown), &what))
                    .ok()
            }
            (None, None) => {
                let file = self.vars.credential(variable)?;
                let token = token_in(file)
                    .map_err(|what| format!("the credential {} {what}", file.path.display()));
                token
                    .map_err(|what| self.fault(variable.name, None, &what))
                    .ok()
            }
        }
    }

    /// The text of a variable or its default. A value that is no Unicode text is a fault, told once.
    fn text(&mut self, variable: &Variable) -> Option<&'a str> {
        let default = Some(variable.default).filter(|default| !default.is_empty());
        match self.vars.value(variable.name) {
            None => default,
            Some(Given::Text(text)) => Some(text.as_str()),
            Some(Given::NotUnicode) => {
                if self.is_good(variable) {
                    self.fault(variable.name, Some(Shown::masked()), "is not UTF-8 text");
                }
                None
            }
        }
    }

    fn or_fault<T>(
        &mut self,
        variable: &Variable,
        shown: Shown,
        read: Result<T, String>,
    ) -> Option<T> {
        read.map_err(|what| self.fault(variable.name, Some(shown), &what))
            .ok()
    }

    fn fault(&mut self, name: &str, value: Option<Shown>, what: &str) {
        self.faults.push(Fault {
            name: name.to_owned(),
            value,
            what: what.to_owned(),
        });
    }
}

/// Reads the token that a file holds with nothing but white space around it.
fn token_in(file: &SecretFile) -> Result<Token, String> {
    let content = file.content.as_ref().map_err(ToString::to_string)?;
    let text = std::str::from_utf8(content).map_err(|_| not_a_token("is not text"))?;
    Token::new(text.trim()).map_err(|error| not_a_token(&error.why))
}

fn not_a_token(why: &str) -> String {
    format!(
        "holds no token: it {why}; a token is 1 to {} of A-Z a-z 0-9 - _ :",
        limits::TOKEN_LEN
    )
}
