//! Checks that no dependency between the crates points up: reads `cargo metadata`, and fails on an edge that
//! the table does not have.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a program is for")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, ExitCode};

use serde_json::Value;

type Edges = BTreeMap<String, BTreeSet<String>>;

/// What each crate may depend on inside the workspace. `None` may use everything.
const TABLE: &[(&str, Option<&[&str]>)] = &[
    ("level", Some(&[])),
    ("replicate", Some(&[])),
    ("scuttleup", Some(&["level", "replicate"])),
    ("hyperlog", Some(&["level", "replicate", "scuttleup"])),
    ("hyperlog-writers", Some(&["level", "hyperlog"])),
    ("hyperlog-index", Some(&["level", "hyperlog"])),
    ("hyperkv", Some(&["level", "hyperlog", "hyperlog-index", "replicate"])),
    ("swarm", Some(&["replicate"])),
    (
        "saga",
        Some(&[
            "level",
            "replicate",
            "scuttleup",
            "hyperlog",
            "hyperlog-writers",
            "hyperlog-index",
            "hyperkv",
            "swarm",
        ]),
    ),
    ("commands", None),
    ("examples", None),
];

fn main() -> ExitCode {
    let found = match read() {
        Ok(found) => found,
        Err(error) => {
            eprintln!("layers: {error}");
            return ExitCode::FAILURE;
        }
    };
    let wrong = check(&found, TABLE);
    for problem in &wrong {
        eprintln!("layers: {problem}");
    }
    if wrong.is_empty() {
        println!("layers: {} crates, no dependency points up", found.len());
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn check(found: &Edges, table: &[(&str, Option<&[&str]>)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, uses) in found {
        let Some((_, allowed)) = table.iter().find(|(known, _)| known == name) else {
            wrong.push(format!("{name} is not in the table: say what it may depend on"));
            continue;
        };
        let Some(allowed) = allowed else { continue };
        for used in uses.iter().filter(|used| !allowed.contains(&used.as_str())) {
            wrong.push(format!("{name} must not depend on {used}"));
        }
    }
    wrong
}

/// The edges inside the workspace; what only tests use does not count.
fn read() -> Result<Edges, Box<dyn std::error::Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output =
        Command::new(cargo).args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(edges(&serde_json::from_slice(&output.stdout)?))
}

fn edges(metadata: &Value) -> Edges {
    let empty = Vec::new();
    let list = |value: &Value| value.as_array().unwrap_or(&empty).clone();
    let packages = list(metadata.get("packages").unwrap_or(&Value::Null));
    let name = |value: &Value| value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let members: BTreeSet<String> = packages.iter().map(name).collect();
    let uses = |package: &Value| {
        let dependencies = list(package.get("dependencies").unwrap_or(&Value::Null));
        let shipped =
            dependencies.iter().filter(|dependency| dependency.get("kind").is_none_or(Value::is_null));
        shipped.map(name).filter(|name| members.contains(name)).collect()
    };
    packages.iter().map(|package| (name(package), uses(package))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, uses: &[(&str, Option<&str>)]) -> Value {
        let dependencies: Vec<Value> =
            uses.iter().map(|(name, kind)| json!({ "name": name, "kind": kind })).collect();
        json!({ "name": name, "dependencies": dependencies })
    }

    fn problems(packages: &[Value]) -> usize {
        check(&edges(&json!({ "packages": packages })), TABLE).len()
    }

    #[test]
    fn an_edge_that_points_up_is_found() {
        let level = package("level", &[("bytes", None)]);
        let good = package("scuttleup", &[("level", None), ("scuttleup", Some("dev"))]);
        assert_eq!(problems(&[level.clone(), good.clone()]), 0);
        let bad = package("level", &[("scuttleup", None)]);
        assert_eq!(problems(&[bad, good]), 1);
        let stranger = package("stranger", &[]);
        assert_eq!(problems(&[level, stranger]), 1);
    }
}
