//! The sources of settings and their precedence.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::declare::{Setting, Typed};
use super::mask::{MASK, without_passwords, without_userinfo};
use super::settings::SETTINGS;

/// Variables of the replaced system that its `.env` may hold and that mean nothing here.
const FOREIGN: &[&str] = &["ECTO_IPV6", "MIX_ENV", "PHX_SERVER", "POOL_SIZE", "SECRET_KEY_BASE"];

/// Similarity (Jaro-Winkler, 0 to 1) from which on an unknown name is probably a mistyped setting.
const LIKELY_MEANT: f64 = 0.8;

/// The source of a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    /// The setting's declaration.
    Default,
    /// The configuration file.
    File,
    /// `.env` in the working directory.
    DotEnv,
    /// The environment.
    Environment,
    /// The command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::File => "config file",
            Self::DotEnv => ".env",
            Self::Environment => "environment",
            Self::Flag => "flag",
        })
    }
}

/// A setting as it holds.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct InForce {
    pub name: &'static str,
    /// Its value, masked if it is secret; empty for none.
    pub value: String,
    /// Where that came from.
    pub source: String,
}

/// One line that says which setting is invalid, and how.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(pub String);

/// The settings as text, each with its source.
#[derive(Clone, Debug, Default)]
pub struct Raw(BTreeMap<&'static str, (String, Source)>);

impl Raw {
    /// The value in force as text; empty for none.
    fn get(&self, setting: &Setting) -> (&str, Source) {
        let given = self.0.get(setting.name).map(|(value, source)| (value.as_str(), *source));
        given.unwrap_or((setting.default, Source::Default))
    }

    /// The value in force.
    pub(super) fn read<T: 'static>(&self, typed: &Typed<T>) -> Result<T, SettingError> {
        let (text, _) = self.get(&typed.setting);
        typed.parse(text).map_err(|expected| self.wrong(&typed.setting, &expected))
    }

    /// A name and the text of its value, for the error about another setting.
    pub(super) fn named(&self, setting: &Setting) -> (&'static str, &str) {
        (setting.name, self.get(setting).0)
    }

    /// The line that says which value is invalid.
    pub(super) fn wrong(&self, setting: &Setting, expected: &str) -> SettingError {
        let (value, source) = self.get(setting);
        let value = if setting.secret { MASK.to_owned() } else { without_passwords(value) };
        SettingError(format!("{} is {value:?} ({source}): expected {expected}", setting.name))
    }

    /// Sets a value unless one from a stronger source is there. An empty one is none.
    fn set(&mut self, setting: &'static Setting, value: String, source: Source) {
        if value.is_empty() || self.0.get(setting.name).is_some_and(|(_, known)| *known > source) {
            return;
        }
        self.0.insert(setting.name, (value, source));
    }

    /// Sets a value from the command line.
    pub fn set_flag(&mut self, setting: &'static Setting, value: String) {
        self.set(setting, value, Source::Flag);
    }

    /// Reads environment variables; unknown ones belong to other programs.
    pub fn read_environment(&mut self, variables: impl Iterator<Item = (String, String)>) {
        let variables: BTreeMap<String, String> = variables.collect();
        for setting in SETTINGS {
            let given =
                setting.names().filter_map(|name| variables.get(name)).find(|value| !value.is_empty());
            if let Some(value) = given {
                self.set(setting, value.clone(), Source::Environment);
            }
        }
    }

    /// Reads `.env`, if it is there.
    ///
    /// # Errors
    /// When it cannot be read or holds a key that is no setting.
    pub fn read_dot_env(&mut self, path: &Path) -> Result<(), SettingError> {
        let lines = match dotenvy::from_path_iter(path) {
            Ok(lines) => lines,
            Err(error) if error.not_found() => return Ok(()),
            Err(error) => return Err(SettingError(format!("{}: {error}", path.display()))),
        };
        for line in lines {
            let (key, value) =
                line.map_err(|_| SettingError(format!("{}: not KEY=value lines", path.display())))?;
            if FOREIGN.contains(&key.as_str()) {
                continue;
            }
            let known = |setting: &&&Setting| setting.names().any(|name| name == key);
            let setting = SETTINGS.iter().find(known).ok_or_else(|| unknown(&key, path))?;
            self.set(setting, value, Source::DotEnv);
        }
        Ok(())
    }

    /// Reads a TOML file with one `key = value` for each setting.
    ///
    /// # Errors
    /// When it cannot be read, is no TOML, or holds a key that is no setting.
    pub fn read_file(&mut self, path: &Path) -> Result<(), SettingError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| SettingError(format!("{}: {error}", path.display())))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            SettingError(format!("{}: {}", path.display(), error.message()))
        })?;
        for (key, value) in table {
            let known = SETTINGS.iter().find(|setting| setting.key() == key);
            let setting = known.ok_or_else(|| unknown(&key, path))?;
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(on) => if on { "on" } else { "off" }.to_owned(),
                _ => {
                    return Err(SettingError(format!(
                        "{}: {key}: expected text or a number",
                        path.display()
                    )));
                }
            };
            self.set(setting, value, Source::File);
        }
        Ok(())
    }

    /// Reads all but the flags: the file (the one named, or `tagalong.toml` if it is there), `.env`, and the
    /// environment.
    ///
    /// # Errors
    /// As the single readers.
    pub fn read_all(
        &mut self,
        directory: &Path,
        file: Option<PathBuf>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<(), SettingError> {
        let usual = directory.join("tagalong.toml");
        if let Some(file) = file.or_else(|| usual.exists().then_some(usual)) {
            self.read_file(&file)?;
        }
        self.read_dot_env(&directory.join(".env"))?;
        self.read_environment(environment);
        Ok(())
    }

    /// The settings in force, secrets masked.
    pub fn in_force(&self) -> Vec<InForce> {
        let shown = |setting: &&Setting| {
            let (value, source) = self.get(setting);
            let masked = setting.secret && !value.is_empty();
            let value = if masked { MASK.to_owned() } else { without_userinfo(value) };
            InForce { name: setting.name, value, source: source.to_string() }
        };
        SETTINGS.iter().map(shown).collect()
    }

    /// The same, a line each.
    pub fn table(&self) -> String {
        let line = |InForce { name, value, source }: InForce| {
            let value = if value.is_empty() { "-" } else { &value };
            format!("{name:<30} {value:<28} {source}\n")
        };
        self.in_force().into_iter().map(line).collect()
    }
}

fn unknown(key: &str, path: &Path) -> SettingError {
    let likeness = |setting: &&&Setting| strsim::jaro_winkler(&setting.key(), &key.to_ascii_lowercase());
    let near = SETTINGS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = near
        .filter(|near| likeness(near) > LIKELY_MEANT)
        .map_or(String::new(), |near| format!(" (did you mean {}?)", near.name));
    SettingError(format!("{}: unknown setting {key}{hint}", path.display()))
}
