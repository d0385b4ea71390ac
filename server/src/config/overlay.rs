//! An owner's limits over the server's.

use std::collections::BTreeMap;

use super::nearest::nearest;
use super::text::Problem;
use super::{Config, ConfigError, Origin, settings};

/// How the keys begin of those limits that an owner can have of its own: of sessions,
/// calls and values. The others are the whole server's.
const OF_OWNERS: [&str; 6] = ["session_", "call_", "owner_", "value_", "module_bytes", "log_bytes"];

/// Those among them that are the server's all the same.
const NOT_OF_OWNERS: [&str; 1] = ["session_wait"];

impl Config {
    /// This config with the limits of an owner, by their names without `limits.`, as the
    /// token of that `name` says.
    ///
    /// # Errors
    /// The first that there is not, or that can't be so.
    pub(crate) fn with_limits(
        &self,
        limits: &BTreeMap<String, String>,
        name: &str,
    ) -> Result<Config, ConfigError> {
        let mut config = self.clone();
        for (limit, text) in limits {
            let key = format!("limits.{limit}");
            let origin = Origin::Token(name.to_owned());
            let Some(setting) = settings().iter().find(|setting| setting.key == key) else {
                let nearest = nearest(&key).into_iter().map(|setting| setting.key).collect();
                return Err(ConfigError::UnknownKey { key, origin, nearest });
            };
            let is_owners = OF_OWNERS.iter().any(|beginning| limit.starts_with(beginning));
            if !is_owners || NOT_OF_OWNERS.contains(&limit.as_str()) {
                return Err(ConfigError::NotOfOwners { key: setting.key, origin });
            }
            let wrong = |problem| {
                let (text, origin) = (text.clone(), origin.clone());
                ConfigError::Value { key: setting.key, text, origin, problem }
            };
            (setting.set)(&mut config, text).map_err(wrong)?;
            // What one instance may have is reserved for all of them at the start.
            let (own, whole) = (&config.limits, &self.limits);
            if own.session_memory > whole.session_memory
                || own.session_table_elements > whole.session_table_elements
            {
                return Err(wrong(Problem::TooLarge { most: (setting.show)(self) }));
            }
        }
        config.check_leases()?;
        Ok(config)
    }
}
