//! One setting, and the macro that makes the struct and the list from one table.

use std::sync::LazyLock;

use super::text::Problem;
use super::{Config, table};

/// One setting, as files, environment, flags and people name it.
#[derive(Debug)]
pub struct Setting {
    /// Its name in a file: `limits.call_deadline`.
    pub key: &'static str,
    /// Its flag without the dashes: `limits-call-deadline`.
    pub flag: String,
    /// Its environment variable: `FARSIDE_LIMITS_CALL_DEADLINE`.
    pub env: String,
    /// What it means, in lines.
    pub doc: String,
    /// Its default as text.
    pub default: String,
    /// Whether TOML writes it without quotes.
    pub(super) bare: bool,
    pub(super) show: fn(&Config) -> String,
    pub(super) set: fn(&mut Config, &str) -> Result<(), Problem>,
}

impl Setting {
    /// The last part of its key.
    pub(super) fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }
}

/// A setting as the table has it.
pub(super) struct Row {
    pub(super) key: &'static str,
    pub(super) doc: &'static [&'static str],
    pub(super) bare: bool,
    pub(super) show: fn(&Config) -> String,
    pub(super) set: fn(&mut Config, &str) -> Result<(), Problem>,
}

/// All settings, in the order of the default file.
#[must_use]
pub fn settings() -> &'static [Setting] {
    static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
        let default = Config::default();
        table::rows()
            .into_iter()
            .map(|Row { key, doc, bare, show, set }| Setting {
                key,
                flag: key.replace(['.', '_'], "-"),
                env: format!("FARSIDE_{}", key.replace('.', "_").to_uppercase()),
                doc: doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n"),
                default: show(&default),
                bare,
                show,
                set,
            })
            .collect()
    });
    &SETTINGS
}

/// Makes the config struct, one struct for each section, their defaults and the
/// rows of the list. A row is `name: Type = default, in range;`.
macro_rules! settings {
    (
        $(#[doc = $about:literal])+
        $Config:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $Type:ty = $default:expr $(, in $range:expr)?;
            )*
        }
        $(
            $(#[doc = $section_about:literal])+
            [$section:ident] $Section:ident {
                $(
                    $(#[doc = $inner_doc:literal])+
                    $inner:ident: $Inner:ty = $inner_default:expr $(, in $inner_range:expr)?;
                )*
            }
        )*
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Config {
            $($(#[doc = $doc])+ pub $field: $Type,)*
            $($(#[doc = $section_about])+ pub $section: $Section,)*
        }

        impl Default for $Config {
            fn default() -> $Config {
                $Config { $($field: $default,)* $($section: $Section::default(),)* }
            }
        }

        $(
            $(#[doc = $section_about])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Section {
                $($(#[doc = $inner_doc])+ pub $inner: $Inner,)*
            }

            impl Default for $Section {
                fn default() -> $Section {
                    $Section { $($inner: $inner_default,)* }
                }
            }
        )*

        /// All rows of the table.
        pub(super) fn rows() -> Vec<Row> {
            vec![
                $(Row {
                    key: stringify!($field),
                    doc: &[$($doc),+],
                    bare: <$Type as SettingText>::BARE,
                    show: |config| config.$field.show(),
                    set: |config, text| {
                        let value = <$Type as SettingText>::parse(text);
                        config.$field = value$(.and_then(|value| within(value, $range)))??;
                        Ok(())
                    },
                },)*
                $($(Row {
                    key: concat!(stringify!($section), ".", stringify!($inner)),
                    doc: &[$($inner_doc),+],
                    bare: <$Inner as SettingText>::BARE,
                    show: |config| config.$section.$inner.show(),
                    set: |config, text| {
                        let value = <$Inner as SettingText>::parse(text);
                        config.$section.$inner =
                            value$(.and_then(|value| within(value, $inner_range)))??;
                        Ok(())
                    },
                },)*)*
            ]
        }
    };
}

pub(super) use settings as settings_table;
