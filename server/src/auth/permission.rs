//! What a token lets its owner do.

use std::fmt;
use std::str::FromStr;

/// One thing that a token may permit. Values can be kept, read and released with any
/// token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Permission {
    /// Bring modules.
    Upload = 1,
    /// Call the functions of modules.
    Call = 2,
    /// Evaluate source text, and call functions that were sent as such.
    Eval = 4,
    /// Publish functions for other owners. Nothing asks for it yet.
    Publish = 8,
    /// See and end the sessions of all owners.
    Admin = 16,
}

/// There is no permission of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no permission `{name}`; there are: {}", Permission::ALL.map(Permission::name).join(", "))]
pub struct UnknownPermission {
    /// The name.
    pub name: String,
}

impl Permission {
    /// All of them.
    pub const ALL: [Permission; 5] = [
        Permission::Upload,
        Permission::Call,
        Permission::Eval,
        Permission::Publish,
        Permission::Admin,
    ];

    /// Its name in a file and on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Permission::Upload => "upload",
            Permission::Call => "call",
            Permission::Eval => "eval",
            Permission::Publish => "publish",
            Permission::Admin => "admin",
        }
    }
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Permission, UnknownPermission> {
        let named = |permission: &Permission| permission.name() == text;
        let found = Permission::ALL.into_iter().find(named);
        found.ok_or_else(|| UnknownPermission { name: text.to_owned() })
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u8);

impl Permissions {
    /// All that there are.
    pub const ALL: Permissions = Permissions(0b1_1111);

    /// What a new token permits unless it is told otherwise: all but publishing and
    /// administering.
    pub const USUAL: Permissions = Permissions(0b111);

    /// Whether one is among them.
    #[must_use]
    pub fn contain(self, permission: Permission) -> bool {
        self.0 & permission as u8 != 0
    }

    /// Those in it, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.contain(*permission))
    }

    pub(super) fn bits(self) -> u8 {
        self.0
    }

    pub(super) fn from_bits(bits: u8) -> Permissions {
        Permissions(bits & Permissions::ALL.0)
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Permissions {
        Permissions(permissions.into_iter().fold(0, |bits, permission| bits | permission as u8))
    }
}

/// The names, with commas between them.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, permission) in self.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{permission}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for permission in Permission::ALL {
            assert_eq!(permission.name().parse(), Ok(permission));
        }
        assert_eq!(Permissions::ALL, Permission::ALL.into_iter().collect());
        assert_eq!(Permissions::USUAL.to_string(), "upload, call, eval");
        let error = "uplaod".parse::<Permission>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no permission `uplaod`; there are: upload, call, eval, publish, admin"
        );
        assert!(!Permissions::default().contain(Permission::Call));
    }
}
