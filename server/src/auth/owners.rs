//! The owners of a server, by their tokens, and what changes when the file of tokens
//! does.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use farside_protocol::{ErrorCode, Failure, caps};

use super::owner::{Owner, OwnerId};
use super::permission::Permissions;
use super::record::{Digest, LOCAL, TokenRecord};
use super::token::Token;
use super::tokens_file::{Stamp, TokensFile, TokensFileError};
use crate::config::{Config, ConfigError};
use crate::meter::Meter;

/// All owners, and the tokens that speak for them.
pub(crate) struct Owners {
    data: PathBuf,
    config: Arc<Config>,
    /// Memory of the process.
    memory: Arc<Meter>,
    token: Token,
    local: Arc<Owner>,
    /// Short: looked up, and replaced when the file has changed.
    table: Mutex<Table>,
}

struct Table {
    stamp: Option<Stamp>,
    records: Vec<TokenRecord>,
    owners: HashMap<String, Arc<Owner>>,
    next: u64,
    /// Up to when it was seen which tokens have expired.
    seen: SystemTime,
}

/// A client that was let in.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    pub(crate) owner: Arc<Owner>,
    /// Of its token; none for the server's own, which does not change while it runs.
    digest: Option<Digest>,
}

/// What another look at the file of tokens led to.
#[derive(Debug, Default)]
pub(crate) struct Refreshed {
    /// Clients that were let in may not be any more.
    pub(crate) recheck: bool,
    /// Owners that have no token any more, whose sessions end.
    pub(crate) revoked: Vec<OwnerId>,
}

impl Owners {
    /// Those of a data folder: the owner of the server's own token, and those of the
    /// file of tokens.
    ///
    /// # Errors
    /// What is wrong with that file.
    pub(crate) fn open(
        data: &Path,
        config: Arc<Config>,
        token: Token,
        memory: Arc<Meter>,
        now: SystemTime,
    ) -> Result<Owners, TokensFileError> {
        let local = Owner::new(
            OwnerId::LOCAL,
            LOCAL.to_owned(),
            Permissions::ALL,
            Arc::clone(&config),
            &memory,
        );
        let stamp = Stamp::of(data);
        let file = TokensFile::read(data, &config)?;
        let table =
            Table { stamp, records: Vec::new(), owners: HashMap::new(), next: 1, seen: now };
        let data = data.to_owned();
        let owners = Owners { data, config, memory, token, local, table: Mutex::new(table) };
        owners.take(&mut owners.table(), file)?;
        Ok(owners)
    }

    /// The server's own token.
    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets in a client that shows a token. Each token is compared, in the same time
    /// whatever was shown.
    ///
    /// # Errors
    /// `Unauthenticated`, when it is none, or not any more.
    pub(crate) fn admit(&self, shown: &str, now: SystemTime) -> Result<Admission, Failure> {
        let refused = |message: &str| {
            Failure::new(ErrorCode::Unauthenticated, message).with_hint(
                "the server's operator makes one with `farside token new NAME`; on the server's \
                 machine, `farside token show` prints the server's own",
            )
        };
        if shown.is_empty() {
            return Err(refused("no token was given"));
        }
        if shown.len() > caps::TOKEN_BYTES {
            return Err(refused("the token is wrong"));
        }
        if self.token.matches(shown) {
            return Ok(Admission { owner: Arc::clone(&self.local), digest: None });
        }
        let digest = Digest::of(shown);
        let table = self.table();
        let Some(record) = table.record_of(&digest) else {
            return Err(refused("the token is wrong"));
        };
        if record.is_expired(now) {
            return Err(expired(record));
        }
        match table.owners.get(&record.name) {
            Some(owner) => Ok(Admission { owner: Arc::clone(owner), digest: Some(digest) }),
            None => Err(refused("the token is wrong")),
        }
    }

    /// Why a client that was let in may not stay, if it may not.
    pub(crate) fn refusal(&self, of: &Admission, now: SystemTime) -> Option<Failure> {
        let digest = of.digest?;
        match self.table().record_of(&digest) {
            Some(record) if record.is_expired(now) => Some(expired(record)),
            Some(_) => None,
            None => Some(
                Failure::new(ErrorCode::Unauthenticated, "the token was revoked")
                    .with_hint("ask the operator for another one"),
            ),
        }
    }

    /// Reads the file of tokens if it has changed. One that is wrong changes nothing.
    /// Reads files.
    pub(crate) fn refresh(&self, now: SystemTime) -> Refreshed {
        let stamp = Stamp::of(&self.data);
        let mut table = self.table();
        let expired =
            |record: &TokenRecord| record.is_expired(now) && !record.is_expired(table.seen);
        let recheck = table.records.iter().any(expired);
        table.seen = now;
        if table.stamp == stamp {
            return Refreshed { recheck, revoked: Vec::new() };
        }
        table.stamp = stamp;
        drop(table);
        let taken = TokensFile::read(&self.data, &self.config)
            .and_then(|file| self.take(&mut self.table(), file));
        match taken {
            Ok(revoked) => {
                let tokens = self.table().records.len();
                tracing::info!(tokens, "the file of tokens was read again");
                Refreshed { recheck: true, revoked }
            }
            Err(error) => {
                let hint = error.hint().unwrap_or_default();
                tracing::error!(%error, hint, "the tokens stay as they were: their file can't be used");
                Refreshed { recheck, revoked: Vec::new() }
            }
        }
    }

    /// Makes the tokens those of a file. Gives the owners that have none any more.
    fn take(&self, table: &mut Table, file: TokensFile) -> Result<Vec<OwnerId>, TokensFileError> {
        let limits = |record: &TokenRecord| {
            let config = self.config.with_limits(&record.limits, &record.name);
            config.map(Arc::new).map_err(|source: ConfigError| TokensFileError::Limits {
                name: record.name.clone(),
                source,
            })
        };
        let configs = file.tokens.iter().map(limits).collect::<Result<Vec<_>, _>>()?;
        for (record, config) in file.tokens.iter().zip(configs) {
            match table.owners.get(&record.name) {
                Some(owner) => owner.change(record.allow, config),
                None => {
                    let (id, name) = (OwnerId(table.next), record.name.clone());
                    table.next += 1;
                    let owner = Owner::new(id, name.clone(), record.allow, config, &self.memory);
                    table.owners.insert(name, owner);
                }
            }
        }
        table.records = file.tokens;
        let Table { owners, records, .. } = table;
        let has_token = |name: &str| records.iter().any(|record| record.name == name);
        let revoked = owners.extract_if(|name, _| !has_token(name));
        let revoke = |(_, owner): (String, Arc<Owner>)| {
            owner.revoke();
            owner.id()
        };
        Ok(revoked.map(revoke).collect())
    }
}

impl Table {
    /// The entry of a token. All are looked at, whichever it is.
    fn record_of(&self, digest: &Digest) -> Option<&TokenRecord> {
        let mut found = None;
        for record in &self.records {
            if record.sha256.is(digest).into() {
                found = Some(record);
            }
        }
        found
    }
}

fn expired(record: &TokenRecord) -> Failure {
    let when = record.expires_text().unwrap_or_default();
    let message = format!("the token of {} expired at {when}", record.name);
    Failure::new(ErrorCode::Unauthenticated, message).with_hint("ask the operator for another one")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::auth::Permission;
    use crate::config::ByteSize;

    struct Setup {
        folder: TempDir,
        config: Arc<Config>,
        owners: Owners,
        now: SystemTime,
    }

    fn setup() -> Setup {
        let (folder, config) = (TempDir::new().unwrap(), Arc::new(Config::default()));
        let memory = Meter::of_setting("limits.process_memory", ByteSize::gib(1));
        let (token, now) = (Token::random(), SystemTime::now());
        let owners = Owners::open(folder.path(), Arc::clone(&config), token, memory, now).unwrap();
        Setup { folder, config, owners, now }
    }

    impl Setup {
        fn add(&self, name: &str, allow: &[Permission], limits: &[(&str, &str)]) -> Token {
            let text = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            let record = |token: &Token| TokenRecord {
                name: name.to_owned(),
                sha256: Digest::of(token.reveal()),
                expires: Some(self.now + Duration::from_secs(60)),
                allow: allow.iter().copied().collect(),
                limits: BTreeMap::from_iter(limits.iter().map(text)),
            };
            TokensFile::add(self.folder.path(), &self.config, true, record).unwrap().0
        }

        fn why(&self, token: &Token, later: u64) -> String {
            let now = self.now + Duration::from_secs(later);
            let failure = self.owners.admit(token.reveal(), now).unwrap_err();
            assert_eq!(failure.code, ErrorCode::Unauthenticated);
            failure.message
        }
    }

    #[test]
    fn the_servers_own_token_speaks_for_local_and_permits_all() {
        let Setup { owners, now, .. } = setup();
        let admitted = owners.admit(owners.token().reveal(), now).unwrap();
        assert_eq!(admitted.owner.name(), "local");
        assert!(Permission::ALL.into_iter().all(|it| admitted.owner.may(it)));
        assert!(owners.refusal(&admitted, now).is_none());
        for (shown, why) in [("", "no token was given"), ("fst_00", "the token is wrong")] {
            assert_eq!(owners.admit(shown, now).unwrap_err().message, why);
        }
        assert!(owners.admit(&"x".repeat(caps::TOKEN_BYTES + 1), now).is_err());
    }

    #[test]
    fn a_running_server_learns_of_tokens_as_they_change() {
        let setup = setup();
        let (owners, now) = (&setup.owners, setup.now);
        let token = setup.add("alice", &[Permission::Call], &[("session_refs", "7")]);
        assert_eq!(setup.why(&token, 0), "the token is wrong");
        assert!(owners.refresh(now).recheck);
        assert!(!owners.refresh(now).recheck, "nothing changed");
        let admitted = owners.admit(token.reveal(), now).unwrap();
        let alice = &admitted.owner;
        assert_eq!((alice.name(), alice.config().limits.session_refs), ("alice", 7));
        assert_eq!(alice.permit(Permission::Call, "calls"), Ok(()));
        let forbidden = alice.permit(Permission::Upload, "uploads").unwrap_err();
        assert_eq!(forbidden.code, ErrorCode::Forbidden);
        assert_eq!(forbidden.message, "the token of alice does not permit uploads");

        // Another token for the same owner: clients of the old one go.
        let second = setup.add("alice", &[Permission::Upload], &[("session_refs", "8")]);
        let Refreshed { recheck, revoked } = owners.refresh(now);
        assert!(recheck && revoked.is_empty());
        assert!(alice.may(Permission::Upload) && !alice.may(Permission::Call));
        assert_eq!(alice.config().limits.session_refs, 8);
        assert_eq!(owners.refusal(&admitted, now).unwrap().message, "the token was revoked");
        let again = owners.admit(second.reveal(), now).unwrap();
        assert_eq!(again.owner.id(), alice.id());

        TokensFile::revoke(setup.folder.path(), &setup.config, "alice").unwrap();
        assert_eq!(owners.refresh(now).revoked, [alice.id()]);
        assert_eq!(setup.why(&second, 0), "the token is wrong");
        // A client that was let in just before can do nothing more.
        assert_eq!(alice.open_session().unwrap_err().code, ErrorCode::Unauthenticated);
        assert!(!alice.may(Permission::Upload));
    }

    #[test]
    fn a_token_ends_with_its_time() {
        let setup = setup();
        let token = setup.add("bob", &[], &[]);
        setup.owners.refresh(setup.now);
        let admitted = setup.owners.admit(token.reveal(), setup.now).unwrap();
        let late = setup.now + Duration::from_secs(60);
        assert!(!setup.owners.refresh(late - Duration::from_secs(1)).recheck);
        assert!(setup.owners.refresh(late).recheck);
        assert!(!setup.owners.refresh(late).recheck, "it is told once");
        let refusal = setup.owners.refusal(&admitted, late).unwrap().message;
        assert!(refusal.starts_with("the token of bob expired at 20"), "{refusal}");
        assert_eq!(setup.why(&token, 60), refusal);
    }

    #[test]
    fn a_file_that_is_wrong_changes_nothing() {
        let setup = setup();
        let token = setup.add("carol", &[], &[]);
        setup.owners.refresh(setup.now);
        fs::write(TokensFile::path(setup.folder.path()), "[[token]]\nname =").unwrap();
        let Refreshed { recheck, revoked } = setup.owners.refresh(setup.now);
        assert!(!recheck && revoked.is_empty());
        assert!(setup.owners.admit(token.reveal(), setup.now).is_ok());
        assert!(
            Owners::open(
                setup.folder.path(),
                Arc::clone(&setup.config),
                Token::random(),
                Meter::of_setting("limits.process_memory", ByteSize::gib(1)),
                setup.now
            )
            .is_err()
        );
    }

    #[test]
    fn an_owner_has_as_many_sessions_as_it_may() {
        let setup = setup();
        let token = setup.add("dave", &[], &[("owner_sessions", "2")]);
        setup.owners.refresh(setup.now);
        let owner = setup.owners.admit(token.reveal(), setup.now).unwrap().owner;
        let first = owner.open_session().unwrap();
        let _second = owner.open_session().unwrap();
        assert_eq!(owner.open_session().unwrap_err().code, ErrorCode::QuotaExceeded);
        drop(first);
        assert!(owner.open_session().is_ok());
    }
}
