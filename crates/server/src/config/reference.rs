//! All settings described: the README's table and `.env.example`, which `make settings` writes.

use clap::builder::PossibleValue;

use super::declare::Setting;
use super::settings::SETTINGS;

/// The format of the description.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reference {
    /// A table in Markdown.
    Markdown,
    /// A `.env` to copy.
    Env,
}

impl clap::ValueEnum for Reference {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Markdown, Self::Env]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Markdown => "markdown",
            Self::Env => "env",
        }))
    }
}

impl Reference {
    pub fn text(self) -> String {
        match self {
            Self::Markdown => markdown(),
            Self::Env => env_example(),
        }
    }
}

fn markdown() -> String {
    let mut table = "| setting | default | accepts | what it is |\n| --- | --- | --- | --- |\n".to_owned();
    for setting in SETTINGS {
        let aliases: Vec<_> = setting.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let aliases = if aliases.is_empty() { String::new() } else { format!(" ({})", aliases.join(", ")) };
        let default =
            if setting.default.is_empty() { "none".to_owned() } else { format!("`{}`", setting.default) };
        let accepts = setting.accepts().replace('|', "\\|");
        table.push_str(&format!(
            "| `{}`{aliases} | {default} | {accepts} | {} |\n",
            setting.name,
            setting.help()
        ));
    }
    table
}

fn env_example() -> String {
    let mut example =
        "# Every setting, with its default. Copy this to .env, and remove the # before what you change.\n\
                       # `tagalong config` prints the settings in force and where each came from.\n"
            .to_owned();
    for setting in SETTINGS {
        let Setting { name, default, .. } = setting;
        // Single quotes keep every character.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/{}".contains(&byte);
        let quote = if default.bytes().all(is_plain) { "" } else { "'" };
        let help = setting.help().replace('`', "");
        example.push_str(&format!(
            "\n# {help}\n# Accepts {}\n# {name}={quote}{default}{quote}\n",
            setting.accepts()
        ));
    }
    example
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_without_its_comment_signs_is_the_defaults() {
        let example = env_example();
        let lines = example.lines().filter_map(|line| line.strip_prefix("# "));
        let assigns = |line: &&str| {
            line.split_once('=').is_some_and(|(name, _)| SETTINGS.iter().any(|setting| setting.name == name))
        };
        let file: String = lines.filter(assigns).map(|line| format!("{line}\n")).collect();
        let read: Vec<_> = dotenvy::from_read_iter(file.as_bytes()).map(Result::unwrap).collect();
        let defaults = SETTINGS.iter().map(|setting| (setting.name.to_owned(), setting.default.to_owned()));
        assert_eq!(read, defaults.collect::<Vec<_>>());
    }
}
