//! Who may depend on whom, and what must never be in a program. Reads the output of `cargo tree`, which, unlike
//! `cargo metadata`, resolves features as the build of that one package does.

use super::Fault;

/// What a package may and may not need to run.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) package: &'static str,
    manifest: &'static str,
    /// All that it may depend on, when that is limited.
    may: Option<&'static [&'static str]>,
    /// What must not be in it, however deep.
    never: &'static [&'static str],
    /// The features of tokio that may be on; hyper uses its channels, anything more is a second runtime.
    tokio_may: &'static [&'static str],
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        package: "pilotfish-protocol",
        manifest: "agent/protocol/Cargo.toml",
        may: Some(&["serde", "serde_json", "zeroize"]),
        never: &[],
        tokio_may: &[],
    },
    Rule {
        package: "pilotfish-agent",
        manifest: "agent/Cargo.toml",
        may: None,
        never: &[
            "anyhow",
            "aws-lc-rs",
            "aws-lc-sys",
            "chrono",
            "clap",
            "native-tls",
            "openssl",
            "openssl-sys",
            "pilotfish-lab",
            "pilotfish-server",
            "regex",
        ],
        tokio_may: &["default", "sync"],
    },
    Rule {
        package: "pilotfish-server",
        manifest: "server/Cargo.toml",
        may: None,
        never: &[
            "anyhow",
            "aws-lc-rs",
            "aws-lc-sys",
            "native-tls",
            "openssl",
            "openssl-sys",
            "pilotfish-agent",
            "pilotfish-lab",
        ],
        tokio_may: &["default", "sync"],
    },
];

/// The arguments that make `cargo` print what [`faults`] reads.
pub(super) fn arguments(rule: &Rule) -> [&'static str; 9] {
    [
        "tree",
        "--locked",
        "--package",
        rule.package,
        "--edges=normal",
        "--prefix=depth",
        "--format=;{p};{f}",
        "--charset=ascii",
        "--quiet",
    ]
}

/// Checks one package. `tree` has a line `DEPTH;NAME vVERSION …;FEATURES` for each dependency, below the one that needs it.
pub(super) fn faults(rule: &Rule, tree: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut way: Vec<&str> = Vec::new();
    for line in tree.lines() {
        let Some((depth, name, features)) = parse(line) else {
            let what = format!("cargo tree says {line:?}, which tidy does not understand");
            faults.push(Fault::of_file(rule.manifest, what));
            continue;
        };
        way.truncate(depth);
        way.push(name);
        let mut fault = |what: String| {
            let fault = Fault::of_file(rule.manifest, what);
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        };
        if let Some(may) = rule.may
            && depth == 1
            && !may.contains(&name)
        {
            fault(format!("needs {name}, but may need {may:?} only"));
        }
        if rule.never.contains(&name) {
            fault(format!("{name} must not be here: {}", way.join(" → ")));
        }
        if name == "tokio" {
            for feature in features.filter(|feature| !rule.tokio_may.contains(feature)) {
                fault(format!(
                    "tokio's {feature} must not be on: {}",
                    way.join(" → ")
                ));
            }
        }
    }
    faults
}

/// Takes a line apart: depth, name, features.
fn parse(line: &str) -> Option<(usize, &str, impl Iterator<Item = &str>)> {
    let (depth, rest) = line.split_once(';')?;
    let (package, features) = rest.split_once(';')?;
    let (name, _) = package.split_once(" v")?;
    let features = features.trim_end_matches(" (*)");
    let features = features.split(',').filter(|feature| !feature.is_empty());
    Some((depth.parse().ok()?, name, features))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(package: &str, tree: &str, expected: &[&str]) {
        let rule = RULES.iter().find(|rule| rule.package == package).unwrap();
        let found: Vec<String> = faults(rule, tree).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn finds_what_must_not_reach_the_agent_and_tells_the_way() {
        check(
            "pilotfish-agent",
            "0;pilotfish-agent v0.1.0 (/x/agent);\n1;hyper v1.0.0;client\n2;native-tls v0.2.0;\n1;log v0.4.0;std (*)\n",
            &[
                "agent/Cargo.toml: native-tls must not be here: pilotfish-agent → hyper → native-tls",
            ],
        );
    }

    #[test]
    fn tokio_is_for_its_channels_only() {
        let tree = |features| format!("0;pilotfish-agent v0.1.0;\n1;tokio v1.0.0;{features} (*)\n");
        check("pilotfish-agent", &tree("default,sync"), &[]);
        check(
            "pilotfish-agent",
            &tree("rt,sync"),
            &["agent/Cargo.toml: tokio's rt must not be on: pilotfish-agent → tokio"],
        );
    }

    #[test]
    fn the_ends_do_not_know_each_other() {
        check(
            "pilotfish-agent",
            "0;pilotfish-agent v0.1.0;\n1;pilotfish-server v0.1.0;\n",
            &[
                "agent/Cargo.toml: pilotfish-server must not be here: pilotfish-agent → pilotfish-server",
            ],
        );
        check(
            "pilotfish-server",
            "0;pilotfish-server v0.1.0;\n1;pilotfish-agent v0.1.0;\n",
            &[
                "server/Cargo.toml: pilotfish-agent must not be here: pilotfish-server → pilotfish-agent",
            ],
        );
    }

    #[test]
    fn the_protocol_needs_little() {
        check(
            "pilotfish-protocol",
            "0;pilotfish-protocol v0.1.0;\n1;serde v1.0.0;alloc\n2;serde_core v1.0.0;\n1;thiserror v2.0.0;\n",
            &[
                "agent/protocol/Cargo.toml: needs thiserror, but may need [\"serde\", \"serde_json\", \"zeroize\"] only",
            ],
        );
    }

    #[test]
    fn a_tree_in_another_form_is_a_fault_and_not_a_pass() {
        let found = faults(&RULES[0], "pilotfish-protocol v0.1.0\n");
        assert_eq!(found.len(), 1);
    }
}
