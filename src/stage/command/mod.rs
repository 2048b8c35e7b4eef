//! The kind `command`: any program as a stage. What its ports are depends on the stage that uses it.
//!
//! Plain data: who runs the program is told elsewhere.

mod template;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::params::{ParamProblem, PathPart};
use super::{ExternalInput, InputPort, KindInfo, OutputPort, params_schema};
pub use template::{Filled, fill};
use template::{Place, places};

/// The kind's name.
pub const COMMAND: &str = "command";
/// The artifact that fits every port and every output.
pub const ANY: &str = "any";

/// Params of `command`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandParams {
    /// The program with its arguments, a list; or a text for `sh -e`. `{in.NAME}` stands for the path of an input,
    /// `{in.NAME:json}` for the same as JSON, `{out.NAME}` for where an output is to be written, `{keep}` for a folder that outlives a
    /// cut-off, `{cpus}` for the number of cores. In a text for `sh` they come quoted. `{{` is a brace.
    pub run: Run,
    /// The outputs by name, each with its artifact: `dataset`, `detections`, `metrics`, `table` are checked; any other word
    /// only has to fit the ports that it goes to. A `dataset` or `detections` may be written as JSON.
    pub out: BTreeMap<String, String>,
    /// Environment variables, beside those that `asm-pipe` itself was started with.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files and folders that the program reads, such as its scripts. Their content counts into the key, and they lie in the
    /// working folder under the same relative path.
    #[serde(default)]
    pub files: Vec<String>,
}

/// A program with its arguments, or a text for the shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Run {
    /// The program and its arguments.
    Program(Vec<String>),
    /// A text for `sh -e`.
    Shell(String),
}

impl Default for Run {
    fn default() -> Self {
        Self::Program(Vec::new())
    }
}

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self::Shell(text)),
            list => Vec::<String>::deserialize(list)
                .map(Self::Program)
                .map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for Run {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Run".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "array"], "items": { "type": "string" }, "minItems": 1 })
    }
}

/// Made once: a pipeline may have thousands of commands.
static INFO: LazyLock<KindInfo> = LazyLock::new(|| KindInfo {
    name: COMMAND.to_owned(),
    version: 1,
    summary: "Runs any program in a folder of its own".to_owned(),
    params: params_schema::<CommandParams>(),
    inputs: Vec::new(),
    outputs: Vec::new(),
    external: vec![ExternalInput {
        param: "files".to_owned(),
        include: Vec::new(),
    }],
    cpus: 1,
    memory_mib: 0,
});

/// What the kind says of itself as long as no stage is known.
#[must_use]
pub fn info() -> KindInfo {
    INFO.clone()
}

/// An input as a stage declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<'a> {
    /// The port's name.
    pub port: &'a str,
    /// Whether a list comes in.
    pub many: bool,
}

/// The kind for one stage: its ports are the inputs that the stage is given and the outputs in its params, as far as these
/// make sense.
#[must_use]
pub fn shaped(given: &[Given<'_>], params: &Value) -> KindInfo {
    let input = |given: &Given<'_>| InputPort {
        name: given.port.to_owned(),
        artifact: ANY.to_owned(),
        doc: String::new(),
        optional: false,
        many: given.many,
    };
    let outputs = params.get("out").and_then(Value::as_object);
    let output = |(name, artifact): (&String, &Value)| OutputPort {
        name: name.clone(),
        artifact: artifact.as_str().unwrap_or(ANY).to_owned(),
        doc: String::new(),
    };
    KindInfo {
        inputs: given.iter().map(input).collect(),
        outputs: outputs.into_iter().flatten().map(output).collect(),
        ..info()
    }
}

/// What is wrong with checked params, beside what the schema tells.
#[must_use]
pub fn problems(kind: &KindInfo, params: &Value) -> Vec<ParamProblem> {
    let mut found = Vec::new();
    let out = || vec![PathPart::Key("out".to_owned())];
    if kind.outputs.is_empty() {
        let message = "a command needs an output: what nobody can read is never wanted";
        found.push(problem(out(), message.to_owned()));
    }
    for output in kind.outputs.iter().filter(|output| !is_name(&output.name)) {
        let name = &output.name;
        let message = format!("`{name}` cannot be the name of an output: letters, digits, `-` and `_`");
        found.push(problem(out(), message));
    }
    let texts = match params.get("run") {
        Some(Value::Array(list)) => list.iter().enumerate().map(|(at, text)| (Some(at), text)).collect(),
        Some(text) => vec![(None, text)],
        None => Vec::new(),
    };
    for (at, text) in texts {
        let wrong = text.as_str().and_then(|text| wrong_place(kind, text));
        let path = std::iter::once(PathPart::Key("run".to_owned())).chain(at.map(PathPart::Index));
        found.extend(wrong.map(|message| problem(path.collect(), message)));
    }
    found
}

fn problem(path: Vec<PathPart>, message: String) -> ParamProblem {
    ParamProblem {
        path,
        message,
        unknown_key: false,
        candidates: Vec::new(),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// What is wrong with the first placeholder of a text that means nothing.
fn wrong_place(kind: &KindInfo, text: &str) -> Option<String> {
    let found = match places(text) {
        Ok(found) => found,
        Err(message) => return Some(message),
    };
    let inputs: Vec<&str> = kind.inputs.iter().map(|port| port.name.as_str()).collect();
    let outputs: Vec<&str> = kind.outputs.iter().map(|port| port.name.as_str()).collect();
    found.into_iter().find_map(|place| match place {
        Place::Input { name, .. } => unknown("in", "input", &name, &inputs),
        Place::Output(name) => unknown("out", "output", &name, &outputs),
        Place::Keep | Place::Cpus => None,
    })
}

fn unknown(prefix: &str, what: &str, name: &str, known: &[&str]) -> Option<String> {
    if known.contains(&name) {
        return None;
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{{{prefix}.{name}}}`")).collect();
    let there = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    Some(format!(
        "`{{{prefix}.{name}}}`: the stage has no {what} `{name}`; there is {there}"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::params::decode;
    use super::*;

    fn given(port: &str) -> Given<'_> {
        Given { port, many: false }
    }

    #[test]
    fn the_ports_are_those_of_the_stage() {
        let kind = shaped(&[given("dataset")], &json!({ "out": { "model": "model", "log": 3 } }));
        assert_eq!(
            (kind.inputs[0].name.as_str(), kind.inputs[0].artifact.as_str()),
            ("dataset", "any")
        );
        let outputs: Vec<_> = kind
            .outputs
            .iter()
            .map(|port| (port.name.as_str(), port.artifact.as_str()))
            .collect();
        assert_eq!(outputs, [("log", "any"), ("model", "model")]);
    }

    #[test]
    fn placeholders_of_ports_that_are_there_are_right() {
        let given_params = json!({
            "run": ["python3", "count.py", "{in.dataset:json}", "{out.metrics}"],
            "out": { "metrics": "metrics" },
            "files": ["count.py"],
        });
        let params = decode(&info().params, &given_params).unwrap();
        assert_eq!(problems(&shaped(&[given("dataset")], &params), &params), []);
    }

    #[test]
    fn a_program_and_a_text_for_the_shell_are_both_read() {
        for run in [json!("echo a"), json!(["echo", "a"])] {
            let params = decode(&info().params, &json!({ "run": run, "out": { "a": "any" } })).unwrap();
            let read: CommandParams = serde_json::from_value(params).unwrap();
            assert_eq!(serde_json::to_value(&read.run).unwrap(), run);
        }
        assert!(decode(&info().params, &json!({ "run": [], "out": {} })).is_err());
    }

    #[test]
    fn what_a_placeholder_names_must_be_there() {
        let params = json!({ "run": ["a", "{in.datset}"], "out": { "model": "model" } });
        let found = problems(&shaped(&[given("dataset")], &params), &params);
        assert_eq!(
            found[0].to_string(),
            "run[1]: `{in.datset}`: the stage has no input `datset`; there is `{in.dataset}`"
        );
        let params = json!({ "run": "a {out.x} {what}", "out": {} });
        let found: Vec<String> = problems(&shaped(&[], &params), &params)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[1].contains("`{what}`"), "{found:?}");
    }
}
