use std::io::Write;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::text::SettingText;
use super::{ByteSize, Config, ConfigError, Loaded, Origin, ProcessMemory, Setting, settings};

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn load(
    file: &NamedTempFile,
    env: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> Result<Loaded, ConfigError> {
    let env = env.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let flags = flags.iter().map(|(key, text)| (*key, (*text).to_owned()));
    Config::load(Some(file.path()), env, flags)
}

/// A value that the setting can have and does not have by default.
fn another(setting: &Setting) -> &'static str {
    ["77 MiB", "77", "true", "1d", "[::1]:77", "memory:", "/elsewhere", "x=/x.wasm"]
        .into_iter()
        .find(|text| {
            let mut config = Config::default();
            (setting.set)(&mut config, text).is_ok() && (setting.show)(&config) != setting.default
        })
        .unwrap()
}

#[track_caller]
fn check_entry(loaded: &Loaded, key: &str, text: &str, origin: &Origin) {
    let (_, value, from) = loaded.entries().find(|(setting, ..)| setting.key == key).unwrap();
    assert_eq!((value.as_str(), from), (text, origin), "{key}");
}

/// The error as a person sees it; `FILE` stands for the file's path.
fn check_error(text: &str, env: &[(&str, &str)], flags: &[(&'static str, &str)]) -> String {
    let file = file(text);
    let error = load(&file, env, flags).unwrap_err();
    let hint = error.hint().map_or_else(String::new, |hint| format!("\nhint: {hint}"));
    format!("{error}{hint}").replace(&file.path().display().to_string(), "FILE")
}

#[test]
fn default_file_is_the_default_config() {
    let text = Config::default_file();
    let file = file(&text);
    let loaded = load(&file, &[], &[]).unwrap();
    assert_eq!(loaded.config, Config::default());
    let from_file = Origin::File(file.path().to_owned());
    assert!(loaded.entries().all(|(_, _, origin)| *origin == from_file));

    let data = Config::default().data.show();
    insta::assert_snapshot!("default_file", text.replace(&data, "~/.local/share/farside"));
}

#[test]
fn every_setting_comes_from_file_environment_and_flag() {
    for setting in settings() {
        let Setting { key, env, flag, default, .. } = setting;
        let other = another(setting);
        let (section, name) = key.split_once('.').unwrap_or(("", key));
        let quoted = toml::Value::from(other).to_string();
        let file = file(&match section {
            "" => format!("{name} = {quoted}"),
            section => format!("[{section}]\n{name} = {quoted}"),
        });

        let loaded = load(&file, &[], &[]).unwrap();
        check_entry(&loaded, key, other, &Origin::File(file.path().to_owned()));
        let loaded = load(&file, &[(env, default)], &[]).unwrap();
        check_entry(&loaded, key, default, &Origin::Environment(env.clone()));
        let loaded = load(&file, &[(env, default)], &[(key, other)]).unwrap();
        check_entry(&loaded, key, other, &Origin::Flag(flag.clone()));
    }
}

#[test]
fn what_nobody_says_is_default() {
    let loaded = load(&file("log = 'debug'"), &[("FARSIDE_CONNECTIONS", "")], &[]).unwrap();
    assert_eq!(loaded.config, Config { log: "debug".to_owned(), ..Config::default() });
    check_entry(&loaded, "connections", "12_000", &Origin::Default);
}

#[test]
fn file_is_named_by_the_environment() {
    let file = file("connections = 5");
    let env = ("FARSIDE_CONFIG".to_owned(), file.path().display().to_string());
    let loaded = Config::load(None, [env], []).unwrap();
    assert_eq!(loaded.config.connections, 5);
    assert_eq!(loaded.file.as_deref(), Some(file.path()));
}

#[test]
fn unknown_variables_are_warnings() {
    let env = [
        ("FARSIDE_URL", "ws://elsewhere"),
        ("FARSIDE_TOKEN", "secret"),
        ("FARSIDE_LIMITS_CALL_DEADLIN", "1s"),
        ("FARSIDE_FLUX_CAPACITOR", "on"),
        ("HOME", "/"),
    ];
    let loaded = load(&file(""), &env, &[]).unwrap();
    insta::assert_snapshot!(loaded.warnings.join("\n"), @"
    the environment variable FARSIDE_FLUX_CAPACITOR is not a setting
    the environment variable FARSIDE_LIMITS_CALL_DEADLIN is not a setting; did you mean `FARSIDE_LIMITS_CALL_DEADLINE`?
    ");
}

#[test]
fn unknown_keys() {
    insta::assert_snapshot!(check_error("[limits]\nsession = 3", &[], &[]), @"
    there is no setting `limits.session` (FILE)
    hint: did you mean `limits.sessions`, `limits.session_cpu` or `limits.session_refs`?
    ");
    insta::assert_snapshot!(check_error("sessions = 3", &[], &[]), @"
    there is no setting `sessions` (FILE)
    hint: did you mean `limits.sessions`?
    ");
    insta::assert_snapshot!(check_error("[limits]\ncall_dedline = '3s'", &[], &[]), @"
    there is no setting `limits.call_dedline` (FILE)
    hint: did you mean `limits.call_deadline`?
    ");
    insta::assert_snapshot!(check_error("[flux]\ncapacitor = 'x'", &[], &[]), @"
    there is no setting `flux.capacitor` (FILE)
    hint: `farside config --default` lists all settings
    ");
    insta::assert_snapshot!(check_error("limits = 3", &[], &[]), @"
    there is no setting `limits` (FILE)
    hint: `farside config --default` lists all settings
    ");
}

#[test]
fn bad_values() {
    insta::assert_snapshot!(check_error("[limits]\ncall_deadline = 30", &[], &[]), @"
    `limits.call_deadline` cannot be `30` (FILE): not a duration with its unit
    hint: write it like 500ms, 30s, 5min, 24h or 7d
    ");
    insta::assert_snapshot!(check_error("", &[("FARSIDE_LIMITS_CALL_CPU", "0s")], &[]), @"
    `limits.call_cpu` cannot be `0s` (FARSIDE_LIMITS_CALL_CPU): too small
    hint: the least is 1ms
    ");
    insta::assert_snapshot!(check_error("", &[], &[("shutdown_grace", "99999999999999999999d")]), @"
    `shutdown_grace` cannot be `99999999999999999999d` (--shutdown-grace): too large
    hint: the most is 30d
    ");
    insta::assert_snapshot!(check_error("", &[], &[("limits.sessions", "0")]), @"
    `limits.sessions` cannot be `0` (--limits-sessions): too small
    hint: the least is 1
    ");
    insta::assert_snapshot!(check_error("", &[], &[("limits.sessions", "99999999999999999999")]), @"
    `limits.sessions` cannot be `99999999999999999999` (--limits-sessions): too large
    hint: the most is 1_000_000
    ");
    insta::assert_snapshot!(check_error("", &[], &[("limits.sessions", "-1")]), @"
    `limits.sessions` cannot be `-1` (--limits-sessions): not a count
    hint: write it like 1000 or 1_000
    ");
    insta::assert_snapshot!(check_error("", &[], &[("limits.value_bytes", "lots")]), @"
    `limits.value_bytes` cannot be `lots` (--limits-value-bytes): not a number of bytes
    hint: write it like 32 MiB or 10 GiB
    ");
    insta::assert_snapshot!(check_error("", &[], &[("limits.value_bytes", "99999999 TiB")]), @"
    `limits.value_bytes` cannot be `99999999 TiB` (--limits-value-bytes): too large
    hint: the most is 4 GiB
    ");
    insta::assert_snapshot!(check_error("", &[], &[("limits.process_memory", "101%")]), @"
    `limits.process_memory` cannot be `101%` (--limits-process-memory): too large
    hint: the most is 100%
    ");
    insta::assert_snapshot!(check_error("", &[], &[("limits.process_memory", "1 MiB")]), @"
    `limits.process_memory` cannot be `1 MiB` (--limits-process-memory): too small
    hint: the least is 64 MiB
    ");
    insta::assert_snapshot!(check_error("listen = 'localhost'", &[], &[]), @"
    `listen` cannot be `localhost` (FILE): not an address and port
    hint: write it like 127.0.0.1:7327 or [::1]:7327; port 0 takes a free one
    ");
    insta::assert_snapshot!(check_error("[guests]\nclock = 1", &[], &[]), @"
    `guests.clock` cannot be `1` (FILE): not a yes or no
    hint: write it like true (yes) or false (no)
    ");
    insta::assert_snapshot!(check_error("data = ''", &[], &[]), @"
    `data` cannot be `` (FILE): not a path
    hint: write it like /var/lib/farside
    ");
    insta::assert_snapshot!(check_error("storage = 'redis://127.0.0.1'", &[], &[]), @"
    `storage` cannot be `redis://127.0.0.1` (FILE): redis: storage is not built into this version
    hint: use file: (in the data folder), file:/PATH or memory:
    ");
    insta::assert_snapshot!(check_error("storage = 'gopher:'", &[], &[]), @"
    `storage` cannot be `gopher:` (FILE): not a storage
    hint: use file: (in the data folder), file:/PATH or memory:
    ");
    insta::assert_snapshot!(check_error("storage = 'file:here'", &[], &[]), @"
    `storage` cannot be `file:here` (FILE): not an absolute path
    hint: write it like file:/var/lib/farside
    ");
    insta::assert_snapshot!(check_error("[limits]\nsession_lease = '8d'", &[], &[]), @"
    `limits.session_lease` (8d) is longer than `limits.session_lease_max` (7d)
    hint: raise the one or lower the other
    ");
}

#[test]
fn bad_files() {
    insta::assert_snapshot!(check_error("listen = '[::1]:1'\nlog = ", &[], &[]), @"FILE:2: not TOML: string values must be quoted, expected literal string");
    let error = Config::load(Some("/nowhere/farside.toml".as_ref()), [], []).unwrap_err();
    insta::assert_snapshot!(format!("{error}\nhint: {}", error.hint().unwrap()), @"
    cannot read the config file /nowhere/farside.toml
    hint: `farside config --default` prints a file to begin with
    ");
}

#[track_caller]
fn check_text<T: SettingText + PartialEq + std::fmt::Debug>(text: &str, value: T, shown: &str) {
    assert_eq!(T::parse(text).unwrap(), value, "{text}");
    assert_eq!(value.show(), shown);
}

#[test]
fn texts() {
    check_text("32 MiB", ByteSize::mib(32), "32 MiB");
    check_text("64KiB", ByteSize::kib(64), "64 KiB");
    check_text("1_536mib", ByteSize::mib(1536), "1536 MiB");
    check_text("2 GB", ByteSize::new(2_000_000_000), "1953125 KiB");
    check_text("1000", ByteSize::new(1000), "1000 B");
    check_text("0", ByteSize::new(0), "0 B");
    check_text("90s", Duration::from_secs(90), "90s");
    check_text("5min", Duration::from_mins(5), "5min");
    check_text(" 24 h", Duration::from_hours(24), "1d");
    check_text("1ms", Duration::from_millis(1), "1ms");
    check_text("1_000", 1000usize, "1_000");
    check_text("12", 12usize, "12");
    check_text("70%", ProcessMemory::Percent(70), "70%");
    check_text("8 GiB", ProcessMemory::Size(ByteSize::gib(8)), "8 GiB");
}

#[test]
fn sizes_in_messages_are_short() {
    let about = |bytes| ByteSize::new(bytes).about().to_string();
    let sizes = [0, 1023, 1024, 1500, 64 << 20, 67_049_357, 10 << 40];
    let shown = sizes.map(about);
    assert_eq!(shown, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "64 MiB", "63.9 MiB", "10 TiB"]);
}

#[test]
fn share_of_memory() {
    assert_eq!(ProcessMemory::Percent(70).bytes(1000), 700);
    assert_eq!(ProcessMemory::Percent(100).bytes(u64::MAX), u64::MAX / 100 * 100);
    assert_eq!(ProcessMemory::Size(ByteSize::new(5)).bytes(1000), 5);
}

proptest! {
    #[test]
    fn shown_is_parsed(bytes: u64, ms: u64, count: usize) {
        let (size, duration) = (ByteSize::new(bytes), Duration::from_millis(ms));
        prop_assert_eq!(ByteSize::parse(&size.show()).unwrap(), size);
        prop_assert_eq!(Duration::parse(&duration.show()).unwrap(), duration);
        prop_assert_eq!(usize::parse(&count.show()).unwrap(), count);
        prop_assert_eq!(u64::parse(&bytes.show()).unwrap(), bytes);
    }

    #[test]
    fn no_text_panics(text: String) {
        for setting in settings() {
            let _ = (setting.set)(&mut Config::default(), &text);
        }
    }
}
