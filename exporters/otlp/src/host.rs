//! What is known of the machine and of Renacer itself, as resource attributes.

use std::fs;

use renacer_events::Attribute;

use crate::{SCOPE_NAME, SCOPE_VERSION};

/// `host.*`, `os.*` and `telemetry.sdk.*`. What cannot be found out is absent.
pub fn detected() -> Vec<Attribute> {
    let mut attributes = Vec::new();
    let mut add = |key: &'static str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            attributes.push(Attribute::new(key, value));
        }
    };
    add("host.name", line("/proc/sys/kernel/hostname"));
    add("host.id", line("/etc/machine-id").or_else(|| line("/var/lib/dbus/machine-id")));
    add("host.arch", Some(arch(std::env::consts::ARCH).to_owned()));
    add("os.type", Some("linux".to_owned()));
    let kernel = line("/proc/sys/kernel/osrelease");
    let release = fs::read_to_string("/etc/os-release").or_else(|_| fs::read_to_string("/usr/lib/os-release"));
    let release = release.unwrap_or_default();
    let description: Vec<_> = [field(&release, "PRETTY_NAME"), kernel.map(|kernel| format!("Linux {kernel}"))]
        .into_iter()
        .flatten()
        .collect();
    add("os.description", Some(description.join(", ")));
    add("os.name", field(&release, "NAME"));
    add("os.version", field(&release, "VERSION_ID"));
    add("telemetry.sdk.name", Some(SCOPE_NAME.to_owned()));
    add("telemetry.sdk.language", Some("rust".to_owned()));
    add("telemetry.sdk.version", Some(SCOPE_VERSION.to_owned()));
    attributes
}

fn line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// OpenTelemetry's name for an architecture.
fn arch(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        other => other,
    }
}

/// A field of os-release, which is shell syntax: its quotes are taken off.
fn field(release: &str, name: &str) -> Option<String> {
    let value = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    Some(quoted.unwrap_or(value).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_with_and_without_quotes() {
        let release = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME='Debian'\nVERSION_ID=12\n";
        assert_eq!(field(release, "PRETTY_NAME").as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(field(release, "NAME").as_deref(), Some("Debian"));
        assert_eq!(field(release, "VERSION_ID").as_deref(), Some("12"));
        assert_eq!(field(release, "VERSION"), None);
    }

    #[test]
    fn every_machine_has_a_name_and_an_architecture() {
        let found = detected();
        for key in ["host.name", "host.arch", "os.type", "telemetry.sdk.name"] {
            assert_eq!(found.iter().filter(|attribute| attribute.key == key).count(), 1, "{key}");
        }
    }
}
