//! One variable wrong at a time, several at once, and what is shown of secrets.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::table::VARIABLES;
use super::vars::{SecretFile, SecretFileFault};
use super::*;

const URL: (&str, &str) = ("DOCKMON_URL", "https://nas:8001");

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = Config::from_vars(&vars(&[URL])).unwrap();
    let expected = Config {
        server: ServerUrl::parse("wss://nas:8001").unwrap(),
        registration_token: None,
        permanent_token: None,
        agent_name: None,
        force_unique_registration: false,
        engine_optional: false,
        ca_file: None,
        data_path: PathBuf::from("/data"),
        docker_host: None,
        docker_cert_path: None,
        reconnect_initial: Duration::from_secs(1),
        reconnect_max: Duration::from_secs(60),
        update_timeout: Duration::from_secs(120),
        stats_interval_min: Duration::from_secs(1),
        bytes_per_day: None,
        metered: false,
        proto_version: "1.1".to_owned(),
        log_level: LevelFilter::Info,
        log_json: true,
    };
    assert_eq!(config, expected);
}

#[test]
fn every_variable_is_heard() {
    let config = Config::from_vars(&vars(&[
        URL,
        ("REGISTRATION_TOKEN", "reg-1"),
        ("PERMANENT_TOKEN", "perm:1"),
        ("AGENT_NAME", "  attic pi "),
        ("FORCE_UNIQUE_REGISTRATION", "T"),
        ("ENGINE_OPTIONAL", "true"),
        ("CA_FILE", "/etc/ca.pem"),
        ("DATA_PATH", "/var/lib/pilotfish"),
        ("DOCKER_HOST", "unix:///run/podman/podman.sock"),
        ("DOCKER_CERT_PATH", "/certs"),
        ("RECONNECT_INITIAL", "500ms"),
        ("RECONNECT_MAX", "1m30s"),
        ("UPDATE_TIMEOUT", "1.5h"),
        ("STATS_INTERVAL_MIN", "10m"),
        ("BYTES_PER_DAY", "20M"),
        ("METERED", "true"),
        ("PROTO_VERSION", "1.0"),
        ("LOG_LEVEL", "Warning"),
        ("LOG_JSON", "0"),
    ]))
    .unwrap();
    let shown: Vec<String> = config
        .in_force()
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        shown,
        [
            "DOCKMON_URL=wss://nas:8001/api/agent/ws",
            "REGISTRATION_TOKEN=***",
            "PERMANENT_TOKEN=***",
            "AGENT_NAME=attic pi",
            "FORCE_UNIQUE_REGISTRATION=true",
            "ENGINE_OPTIONAL=true",
            "CA_FILE=/etc/ca.pem",
            "INSECURE_SKIP_VERIFY=false",
            "DATA_PATH=/var/lib/pilotfish",
            "DOCKER_HOST=unix:///run/podman/podman.sock",
            "DOCKER_TLS_VERIFY=false",
            "DOCKER_CERT_PATH=/certs",
            "RECONNECT_INITIAL=500ms",
            "RECONNECT_MAX=90s",
            "UPDATE_TIMEOUT=5400s",
            "STATS_INTERVAL_MIN=600s",
            "BYTES_PER_DAY=20000000",
            "METERED=true",
            "PROTO_VERSION=1.0",
            "LOG_LEVEL=warn",
            "LOG_JSON=false",
        ]
    );
    assert_eq!(config.registration_token.unwrap().expose(), "reg-1");
}

#[test]
fn the_table_is_what_the_parser_reads_and_shows() {
    let names: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    let mut not_unicode = Vars::default();
    for name in &names {
        not_unicode.set(*name, OsString::from_vec(vec![b'a', 0xff]));
    }
    let mut read: Vec<String> = faults(&not_unicode)
        .into_iter()
        .map(|fault| fault.name)
        .collect();
    read.dedup();
    read.sort_unstable();
    let mut expected = names.clone();
    expected.sort_unstable();
    // DOCKMON_URL is told twice: it is no text, and it is required.
    read.dedup();
    assert_eq!(read, expected);
    let config = Config::from_vars(&vars(&[URL])).unwrap();
    let shown: Vec<&str> = config
        .in_force()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(shown, names);
}

#[test]
fn an_empty_value_is_no_value() {
    let mut all: Vec<(&str, &str)> = VARIABLES
        .iter()
        .map(|variable| (variable.name, ""))
        .collect();
    all.push(URL);
    assert_eq!(
        Config::from_vars(&vars(&all)),
        Config::from_vars(&vars(&[URL]))
    );
}

#[test]
fn all_faults_are_told_at_once() {
    let faults = Config::from_vars(&vars(&[
        ("RECONNECT_MAX", "60"),
        ("LOG_JSON", "yes"),
        ("REGISTRATION_TOKEN", "two words"),
        ("LOG_LEVEL", "loud"),
        ("INSECURE_SKIP_VERIFY", "1"),
    ]))
    .unwrap_err();
    assert_eq!(
        faults.to_string(),
        r#"DOCKMON_URL: is required, e.g. "wss://dockmon.example.org"
REGISTRATION_TOKEN="***": holds no token: it has a character that is not allowed at byte 3; a token is 1 to 255 of A-Z a-z 0-9 - _ :
RECONNECT_MAX="60": needs a unit, e.g. "60s"
LOG_LEVEL="loud": is no level; use error, warn, info, debug or trace
LOG_JSON="yes": is neither true nor false; write true or false
INSECURE_SKIP_VERIFY="1": is not supported: anybody on the way could command this host; name your certificate authority in CA_FILE"#
    );
}

#[test]
fn each_wrong_value_is_told_what_would_be_right() {
    for (name, value, what) in [
        ("DOCKMON_URL", "nas:8001", "needs a scheme"),
        (
            "DOCKER_HOST",
            "tcp://10.0.0.1:2375",
            "later version; use a Unix socket",
        ),
        ("DOCKER_HOST", "ssh://pi@host", "ssh:// is not supported"),
        ("DOCKER_HOST", "/var/run/docker.sock", "has no scheme"),
        ("DOCKER_HOST", "unix://run/docker.sock", "absolute path"),
        ("DOCKER_TLS_VERIFY", "1", "later version; use a Unix socket"),
        ("DOCKER_TLS_VERIFY", "maybe", "neither true nor false"),
        ("INSECURE_SKIP_VERIFY", "true", "CA_FILE"),
        ("FORCE_UNIQUE_REGISTRATION", "true", "needs AGENT_NAME"),
        ("AGENT_NAME", "a\nb", "control character"),
        ("RECONNECT_INITIAL", "0s", "longer than zero"),
        (
            "RECONNECT_INITIAL",
            "61s",
            "longer than RECONNECT_MAX (60s)",
        ),
        ("RECONNECT_MAX", "-1s", "negative"),
        ("UPDATE_TIMEOUT", "2 min", "not a duration"),
        ("UPDATE_TIMEOUT", "0s", "longer than zero"),
        ("STATS_INTERVAL_MIN", "5", "needs a unit"),
        ("STATS_INTERVAL_MIN", "0s", "longer than zero"),
        ("STATS_INTERVAL_MIN", "10m1ms", "longer than ten minutes"),
        ("BYTES_PER_DAY", "20MB", "is not a size"),
        ("BYTES_PER_DAY", "0", "more than zero"),
        ("BYTES_PER_DAY", "99999999999999999999", "too large"),
        ("METERED", "yes", "neither true nor false"),
        ("PROTO_VERSION", "1 1", "printable"),
        ("PROTO_VERSION", "111111111111111111111", "at most 20"),
        ("PERMANENT_TOKEN", "ü", "holds no token"),
    ] {
        let faults = faults(&vars(&[URL, (name, value)]));
        let [fault] = faults.as_slice() else {
            panic!("{name}={value}: {faults:?}");
        };
        assert!(fault.name == name && fault.what.contains(what), "{fault}");
    }
}

#[test]
fn an_agent_name_has_a_limit_in_bytes() {
    let name = "é".repeat(127) + "x";
    let config = Config::from_vars(&vars(&[URL, ("AGENT_NAME", &name)])).unwrap();
    assert_eq!(config.agent_name.as_deref(), Some(name.as_str()));
    assert_eq!(
        faults(&vars(&[URL, ("AGENT_NAME", &(name + "x"))])).len(),
        1
    );
    // A blank name is none, so it cannot make a host unique either.
    let blank = [
        URL,
        ("AGENT_NAME", "  "),
        ("FORCE_UNIQUE_REGISTRATION", "1"),
    ];
    assert_eq!(faults(&vars(&blank)).len(), 1);
}

#[test]
fn a_variable_goes_before_the_credentials_directory_and_a_named_file_too() {
    let token = |vars: &Vars| {
        Config::from_vars(vars)
            .unwrap()
            .registration_token
            .unwrap()
            .expose()
            .to_owned()
    };
    let mut given = vars(&[URL]);
    given.set_credential(&table::REGISTRATION_TOKEN, file(b" from-credential\n"));
    assert_eq!(token(&given), "from-credential");
    given.set_named_file(&table::REGISTRATION_TOKEN, file(b"from-file\r\n"));
    given.set("REGISTRATION_TOKEN_FILE", "/run/token".into());
    assert_eq!(token(&given), "from-file");
    let mut given = vars(&[URL, ("REGISTRATION_TOKEN", "from-variable")]);
    given.set_credential(&table::REGISTRATION_TOKEN, file(b"from-credential"));
    assert_eq!(token(&given), "from-variable");
}

#[test]
fn a_secret_given_twice_is_a_fault() {
    let faults = faults(&vars(&[
        URL,
        ("PERMANENT_TOKEN", "s3cret"),
        ("PERMANENT_TOKEN_FILE", "/run/token"),
    ]));
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert_eq!(
        lines,
        [r#"PERMANENT_TOKEN="***": is set, and PERMANENT_TOKEN_FILE too; keep one of them"#]
    );
}

#[test]
fn a_secret_file_that_holds_no_token_is_named_and_not_shown() {
    let unreadable = Err(SecretFileFault::Unreadable("No such file".to_owned()));
    for (content, what) in [
        (
            unreadable,
            r#"REGISTRATION_TOKEN_FILE="/run/token": cannot be read: No such file"#,
        ),
        (
            Err(SecretFileFault::TooLarge),
            r#"REGISTRATION_TOKEN_FILE="/run/token": is larger than 4096 bytes"#,
        ),
        (
            Ok(b"".to_vec()),
            r#"REGISTRATION_TOKEN_FILE="/run/token": holds no token: it is empty"#,
        ),
        (
            Ok(b"s3cret words".to_vec()),
            r#"REGISTRATION_TOKEN_FILE="/run/token": holds no token: it has"#,
        ),
        (
            Ok(vec![0xff]),
            r#"REGISTRATION_TOKEN_FILE="/run/token": holds no token: it is not text"#,
        ),
        (
            Ok(vec![b'a'; 256]),
            r#"REGISTRATION_TOKEN_FILE="/run/token": holds no token: it is 256 bytes"#,
        ),
    ] {
        let path = PathBuf::from("/run/token");
        let mut given = vars(&[URL, ("REGISTRATION_TOKEN_FILE", "/run/token")]);
        given.set_named_file(
            &table::REGISTRATION_TOKEN,
            SecretFile {
                path,
                content: content.map(Zeroizing::new),
            },
        );
        let text = Config::from_vars(&given).unwrap_err().to_string();
        assert!(
            text.starts_with(what) && !text.contains("s3cret") && text.lines().count() == 1,
            "{text}"
        );
    }
    let mut given = vars(&[URL]);
    given.set_credential(&table::REGISTRATION_TOKEN, file(b"s3cret words"));
    let text = Config::from_vars(&given).unwrap_err().to_string();
    assert!(
        text.starts_with("REGISTRATION_TOKEN: the credential /run/token holds no token"),
        "{text}"
    );
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn secrets_are_never_shown() {
    for (name, value) in [
        ("REGISTRATION_TOKEN", "s3cret !"),
        ("PERMANENT_TOKEN", "s3cret !"),
        ("DOCKMON_URL", "wss://admin:s3cret@host"),
        ("DOCKMON_URL", "wss://host?token=s3cret"),
        ("DOCKMON_URL", "host@s3cret"),
    ] {
        let given = vars(&[(name, value)]);
        let faults = Config::from_vars(&given).unwrap_err();
        assert!(
            !format!("{faults} {faults:?} {given:?}").contains("s3cret"),
            "{faults}"
        );
    }
    let good = vars(&[URL, ("REGISTRATION_TOKEN", "s3cret")]);
    let config = Config::from_vars(&good).unwrap();
    assert!(!format!("{config:?} {good:?} {:?}", config.in_force()).contains("s3cret"));
}

proptest! {
    #[test]
    fn any_value_of_any_variable_never_panics(at in 0..VARIABLES.len(), value: String) {
        let given = vars(&[URL, (VARIABLES[at].name, &value)]);
        if let Err(faults) = Config::from_vars(&given) {
            prop_assert_eq!(faults.to_string().lines().count(), faults.faults.len());
        }
    }
}

fn vars(given: &[(&str, &str)]) -> Vars {
    let mut vars = Vars::default();
    for (name, value) in given {
        vars.set(*name, value.into());
    }
    vars
}

fn file(content: &[u8]) -> SecretFile {
    SecretFile {
        path: PathBuf::from("/run/token"),
        content: Ok(Zeroizing::new(content.to_vec())),
    }
}

fn faults(vars: &Vars) -> Vec<Fault> {
    Config::from_vars(vars).unwrap_err().faults
}
