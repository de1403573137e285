//! The configuration: the settings, declared once, and the sources of their values.

mod combined;
mod declare;
mod mask;
mod reference;
mod settings;
mod sources;
mod values;

pub use self::declare::{Setting, Typed};
pub use self::reference::Reference;
pub use self::settings::*;
pub use self::sources::{InForce, Raw, SettingError, Source};
pub use self::values::{LogFormat, Origins, Secret};
