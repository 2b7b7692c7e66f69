//! Parses the commands of a request.

use percent_encoding::percent_decode_str;
use redis::Cmd;
use serde_json::Value;

/// Commands that Upstash does not offer over REST, or that would disturb the one connection that all callers share
/// (<https://upstash.com/docs/redis/overall/rediscompatibility>).
const REFUSED: [&str; 46] = [
    "ACL",
    "ASKING",
    "AUTH",
    "BGREWRITEAOF",
    "BGSAVE",
    "BLMOVE",
    "BLMPOP",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZMPOP",
    "BZPOPMAX",
    "BZPOPMIN",
    "CLIENT",
    "CLUSTER",
    "CONFIG",
    "DEBUG",
    "DISCARD",
    "EXEC",
    "FAILOVER",
    "HELLO",
    "LATENCY",
    "MIGRATE",
    "MODULE",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "PSYNC",
    "PUNSUBSCRIBE",
    "QUIT",
    "REPLICAOF",
    "RESET",
    "SAVE",
    "SELECT",
    "SHUTDOWN",
    "SLAVEOF",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SUNSUBSCRIBE",
    "SWAPDB",
    "SYNC",
    "UNSUBSCRIBE",
    "UNWATCH",
    "WAIT",
    "WAITAOF",
    "WATCH",
];

/// Why a command is not run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) String);

/// The commands of one request.
pub(super) enum Batch {
    One(Result<Cmd, Refusal>),
    Pipeline(Vec<Result<Cmd, Refusal>>),
    Transaction(Vec<Result<Cmd, Refusal>>),
}

impl Batch {
    /// Parses a request: a JSON array to `/`, arrays of arrays to `/pipeline` and `/multi-exec`, or a path whose
    /// segments are the command, followed by the body and then by the names and values of the query.
    ///
    /// # Errors
    /// The error message for a malformed request.
    pub(super) fn parse(path: &str, query: &str, body: &[u8]) -> Result<Self, String> {
        match path.trim_end_matches('/') {
            "" => Ok(Self::One(command(&json(body, "command")?))),
            "/pipeline" => Ok(Self::Pipeline(commands(&json(body, "pipeline request")?)?)),
            "/multi-exec" => Ok(Self::Transaction(commands(&json(body, "multi-exec request")?)?)),
            path => Ok(Self::One(from_path(path, query, body))),
        }
    }
}

fn json(body: &[u8], what: &str) -> Result<Value, String> {
    serde_json::from_slice(body)
        .ok()
        .filter(Value::is_array)
        .ok_or_else(|| format!("ERR failed to parse {what}"))
}

fn commands(list: &Value) -> Result<Vec<Result<Cmd, Refusal>>, String> {
    let items = list.as_array().filter(|items| !items.is_empty());
    Ok(items.ok_or("ERR empty pipeline request")?.iter().map(command).collect())
}

fn command(arguments: &Value) -> Result<Cmd, Refusal> {
    let arguments = arguments.as_array().ok_or_else(|| Refusal("ERR failed to parse command".into()))?;
    let arguments = arguments.iter().map(|argument| match argument {
        Value::String(text) => Ok(text.clone().into_bytes()),
        Value::Number(_) | Value::Bool(_) => Ok(argument.to_string().into_bytes()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(Refusal("ERR failed to parse command".into()))
        }
    });
    build(&arguments.collect::<Result<Vec<_>, _>>()?)
}

fn from_path(path: &str, query: &str, body: &[u8]) -> Result<Cmd, Refusal> {
    let segments = path.trim_start_matches('/').split('/');
    let mut arguments: Vec<Vec<u8>> = segments.map(|segment| percent_decode_str(segment).collect()).collect();
    if !body.is_empty() {
        arguments.push(body.to_vec());
    }
    for (name, value) in form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "_token") {
        arguments.push(name.into_owned().into_bytes());
        if !value.is_empty() {
            arguments.push(value.into_owned().into_bytes());
        }
    }
    build(&arguments)
}

fn build(arguments: &[Vec<u8>]) -> Result<Cmd, Refusal> {
    let name =
        arguments.first().map(|name| String::from_utf8_lossy(name).to_ascii_uppercase()).unwrap_or_default();
    if name.is_empty() {
        return Err(Refusal("ERR empty command".into()));
    }
    let is = |argument: &Vec<u8>, word: &str| argument.eq_ignore_ascii_case(word.as_bytes());
    let blocking_read = name.starts_with("XREAD") && arguments.iter().any(|argument| is(argument, "BLOCK"));
    if blocking_read || REFUSED.contains(&name.as_str()) {
        return Err(Refusal(format!("ERR Command is not available: '{name}'")));
    }
    let mut command = Cmd::new();
    for argument in arguments {
        command.arg(&argument[..]);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: Result<Cmd, Refusal>) -> Vec<String> {
        let command = command.unwrap();
        let word = |argument: redis::Arg<&[u8]>| match argument {
            redis::Arg::Simple(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        };
        command.args_iter().map(word).collect()
    }

    fn one(path: &str, query: &str, body: &str) -> Result<Cmd, Refusal> {
        match Batch::parse(path, query, body.as_bytes()) {
            Ok(Batch::One(command)) => command,
            _ => panic!("not one command: {path}"),
        }
    }

    #[test]
    fn a_command_comes_as_json_or_as_a_path() {
        let expected = ["set", "a/b", "v w", "EX", "10"];
        assert_eq!(words(one("/", "", r#"["set", "a/b", "v w", "EX", 10]"#)), expected);
        assert_eq!(words(one("/set/a%2Fb/v%20w/EX/10", "", "")), expected);
        assert_eq!(words(one("/set/a%2Fb/v%20w", "EX=10&_token=t", "")), expected);
        assert_eq!(words(one("/set/a%2Fb", "EX=10", "v w")), expected);
        assert_eq!(words(one("/set/k/v", "NX", "")), ["set", "k", "v", "NX"]);
    }

    #[test]
    fn what_cannot_be_shared_is_refused() {
        for body in
            [r#"["subscribe", "x"]"#, r#"["BLPOP", "x", 0]"#, r#"["multi"]"#, r#"["xread", "block", 0]"#]
        {
            assert!(one("/", "", body).unwrap_err().0.starts_with("ERR Command is not available"), "{body}");
        }
    }

    #[test]
    fn what_is_not_a_command_is_refused() {
        for body in ["", "{}", "\"get\"", "[\"get\""] {
            assert!(Batch::parse("/", "", body.as_bytes()).is_err(), "{body}");
            assert!(Batch::parse("/pipeline", "", body.as_bytes()).is_err(), "{body}");
        }
        assert!(Batch::parse("/multi-exec", "", b"[]").is_err());
        for body in ["[]", "[[]]", "[null]", r#"["get", {}]"#] {
            assert!(one("/", "", body).is_err(), "{body}");
        }
    }
}
