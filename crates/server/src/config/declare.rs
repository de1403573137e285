//! How a setting is declared: one row makes its name, its description, its parser and its field of `Config`.

use std::borrow::Cow;

use super::values::{Expected, Form};

/// The description of a setting.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable. In small letters, the key in the file; with hyphens, the flag.
    pub name: &'static str,
    /// Other environment variables, of the system that this one replaces; read where `name` is not given.
    pub aliases: &'static [&'static str],
    /// The value without any source, as text; empty for none.
    pub default: &'static str,
    /// Whether its value must not be shown.
    pub secret: bool,
    help: &'static str,
    accepts: fn() -> Expected,
}

impl Setting {
    /// The names of its environment variables, the first that is given counts.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// The command line flag, without the two hyphens.
    pub fn flag(&self) -> String {
        self.key().replace('_', "-")
    }

    /// The key in the configuration file.
    pub fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// Its purpose, in Markdown.
    pub fn help(&self) -> &'static str {
        self.help.trim()
    }

    /// The valid values: type, unit and range.
    pub fn accepts(&self) -> Cow<'static, str> {
        (self.accepts)()
    }
}

/// A setting whose text becomes a `T`.
#[derive(Debug)]
pub struct Typed<T> {
    /// Its description.
    pub setting: Setting,
    form: fn() -> Form<T>,
}

impl<T: 'static> Typed<T> {
    pub(super) const fn new(
        name: &'static str,
        aliases: &'static [&'static str],
        default: &'static str,
        help: &'static str,
        accepts: fn() -> Expected,
        form: fn() -> Form<T>,
    ) -> Self {
        Self { setting: Setting { name, aliases, default, secret: false, help, accepts }, form }
    }

    pub(super) const fn secret(mut self) -> Self {
        self.setting.secret = true;
        self
    }

    pub(super) fn parse(&self, text: &str) -> Result<T, Expected> {
        (self.form)().parse(text)
    }
}

/// Declares all settings. A row is
///
/// ```text
/// /// What it is for
/// NAME | ALIAS => field: Type = "default", form;
/// ```
///
/// and makes `NAME`, a static of type `Typed<Type>`, an entry of `SETTINGS`, and, with `=> field`, a field of `Config`.
/// A row ends in `, secret` where the value must not be shown. Rows without a field are read by the functions that
/// `combined` names: each makes one field of several settings.
macro_rules! settings {
    (
        $(#[$attribute:meta])*
        pub struct Config {
            $(
                #[doc = $help:literal]
                $name:ident $(| $alias:ident)* $(=> $field:ident)?: $type:ty
                    = $default:literal, $form:expr $(, $mark:ident)?;
            )+
        }
        combined {
            $(#[doc = $doc:literal] $part:ident: $part_type:ty = $combine:path;)+
        }
    ) => {
        $(
            #[doc = $help]
            pub static $name: Typed<$type> = Typed::new(
                stringify!($name),
                &[$(stringify!($alias)),*],
                $default,
                $help,
                || Form::<$type>::accepts($form),
                || $form,
            )
            $(.$mark())?;
        )+

        /// All of them.
        pub static SETTINGS: &[&Setting] = &[$(&$name.setting),+];

        $(#[$attribute])*
        pub struct Config {
            $($(#[doc = $help] pub $field: $type,)?)+
            $(#[doc = $doc] pub $part: $part_type,)+
        }

        impl Config {
            /// Parses the settings.
            ///
            /// # Errors
            /// One line that names the first setting whose value is invalid.
            pub fn parse(raw: &Raw) -> Result<Self, SettingError> {
                let config = Self {
                    $($($field: raw.read(&$name)?,)?)+
                    $($part: $combine(raw)?,)+
                };
                combined::check(raw, &config)?;
                Ok(config)
            }
        }
    };
}

pub(super) use settings;
