//! A route is defined in three places, which must agree: `template.yaml` wires it, `openapi.yaml` documents it, and
//! `functions/` implements it. Only reads files.

#![allow(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode as _, Yaml};

/// Functions without a route: `CloudFormation` invokes `migrate`, and a schedule invokes `refresh-idle-connections`.
const WITHOUT_A_ROUTE: [&str; 2] = ["migrate", "refresh-idle-connections"];

/// The keys of an `OpenAPI` path that are methods.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The methods that a route of any method passes on.
const PASSED_ON: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// The suffix of a route that handles the trailing slash of another one.
const SLASH: &str = "/{slash+}";

/// A method in upper case, and a path.
type Route = (String, String);

#[test]
fn the_template_and_the_contract_have_the_same_routes() {
    // API Gateway may treat a path with a trailing slash as a different route. The contract has the path once, without
    // the slash; `a_trailing_slash_changes_nothing` compares the two routes.
    let wired: BTreeSet<Route> = template_routes().into_keys().flat_map(in_words_of_the_contract).collect();
    let documented = documented_routes();
    let missing: Vec<_> = wired.difference(&documented).collect();
    let orphaned: Vec<_> = documented.difference(&wired).collect();
    assert!(missing.is_empty(), "in template.yaml, not in openapi.yaml: {missing:?}");
    assert!(orphaned.is_empty(), "in openapi.yaml, not in template.yaml: {orphaned:?}");
}

/// A route of the template as `openapi.yaml` documents it, which has no word for any method, nor for a parameter of
/// several segments: each method is an operation, and the parameter's description says that it contains slashes.
fn in_words_of_the_contract((method, path): Route) -> Vec<Route> {
    let path = path.strip_suffix(SLASH).unwrap_or(&path).replace("+}", "}");
    let methods = if method == "ANY" { PASSED_ON.map(str::to_owned).to_vec() } else { vec![method] };
    methods.into_iter().map(|method| (method, path.clone())).collect()
}

#[test]
fn the_managed_paths_are_those_of_atlassians_file() {
    let Some(file) = sandbox::openapi_file() else { return };
    let script = root().join("scripts/managed-paths.py");
    let made = std::process::Command::new("python3").arg(script).arg(file).output().expect("Python is here");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let kept = read("shared/juncture/src/jira/proxy/managed-paths.txt");
    assert_eq!(String::from_utf8_lossy(&made.stdout), kept, "run scripts/managed-paths.py");
}

#[test]
fn a_trailing_slash_changes_nothing() {
    let routes = template_routes();
    for ((method, path), function) in &routes {
        let Some(plain) = path.strip_suffix(SLASH) else { continue };
        let twin = routes.get(&(method.clone(), plain.to_owned()));
        assert_eq!(twin, Some(function), "{method} {path} and its twin without the slash");
    }
}

#[test]
fn every_function_is_wired_and_every_wired_function_exists() {
    let wired: BTreeSet<String> = template_functions().into_values().collect();
    let existing: BTreeSet<String> = binaries().into_keys().collect();
    let missing: Vec<_> = wired.difference(&existing).collect();
    let orphaned: Vec<_> = existing.difference(&wired).collect();
    assert!(missing.is_empty(), "not in functions/Cargo.toml: {missing:?}");
    assert!(orphaned.is_empty(), "not in template.yaml: {orphaned:?}");
}

#[test]
fn a_function_is_built_from_the_one_package_and_has_its_own_binary() {
    let text = read("template.yaml");
    let document = yaml(&text, "template.yaml");
    for (id, function) in functions_of(&document) {
        let code_uri = properties(function).and_then(|properties| string(properties, "CodeUri"));
        assert_eq!(code_uri, Some("functions/"), "CodeUri of {id}");
        let method = get(function, "Metadata").and_then(|metadata| string(metadata, "BuildMethod"));
        assert_eq!(method, Some("rust-cargolambda"), "BuildMethod of {id}");
    }
    let functions = template_functions();
    let binaries: BTreeSet<&String> = functions.values().collect();
    assert_eq!(binaries.len(), functions.len(), "two functions have the same binary: {functions:?}");
}

#[test]
fn a_function_is_named_after_a_route_of_its_own() {
    let routes = template_routes();
    for function in binaries().into_keys() {
        if WITHOUT_A_ROUTE.contains(&function.as_str()) {
            continue;
        }
        // If the last segment is a noun, the method is the verb.
        let is_named_after = |method: &str, path: &str| {
            let mut segments = path.split('/').filter(|segment| !segment.is_empty());
            segments.rfind(|segment| !segment.starts_with('{')).is_some_and(|segment| {
                function == segment || function == format!("{}-{segment}", method.to_lowercase())
            })
        };
        let found = routes
            .iter()
            .any(|((method, path), answering)| *answering == function && is_named_after(method, path));
        assert!(found, "no route of {function} ends in its name");
    }
}

#[test]
fn a_function_is_in_the_folder_of_its_routes() {
    let binaries = binaries();
    for ((method, path), function) in template_routes() {
        let folder = binaries.get(&function).and_then(|file| file.split('/').next());
        assert_eq!(folder, Some(folder_of(&path)), "where {function} is, which answers {method} {path}");
    }
    for function in WITHOUT_A_ROUTE {
        let folder = binaries.get(function).and_then(|file| file.split('/').next());
        assert_eq!(folder, Some("operations"), "where {function} is, which has no route");
    }
}

#[test]
fn a_function_is_named_as_its_file_and_no_file_is_left_out() {
    let binaries = binaries();
    for (name, file) in &binaries {
        let place = file.split_once('/').map(|(_, place)| place);
        let is_named_so = place == Some(&format!("{name}.rs")) || place == Some(&format!("{name}/main.rs"));
        assert!(is_named_so, "functions/{file} is the binary {name}");
    }
    let listed: BTreeSet<String> = binaries.into_values().collect();
    assert_eq!(listed, function_files(), "functions/Cargo.toml, and what is in functions/");
}

#[test]
fn the_backend_api_and_readiness_and_nothing_else_ask_for_the_secret_key() {
    let text = read("openapi.yaml");
    let document = yaml(&text, "openapi.yaml");
    for (path, method, operation) in operations(&document) {
        let is_open = match get(operation, "security") {
            Some(security) => security.as_vec().is_some_and(Vec::is_empty),
            None => false,
        };
        let asks = path.starts_with("/api/backend/") || path == "/health/ready";
        assert_eq!(is_open, !asks, "security of {method} {path}");
    }
}

#[test]
fn the_deployment_guide_lists_the_requested_scopes() {
    let page = read("docs/deploy.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let told: BTreeSet<&str> = rows.map(|(scope, _)| scope).filter(|scope| scope.contains(':')).collect();
    assert_eq!(told, juncture::provider::jira::DEFAULT_SCOPES.split(' ').collect());
}

/// The template's routes, each with its binary.
fn template_routes() -> BTreeMap<Route, String> {
    let text = read("template.yaml");
    let document = yaml(&text, "template.yaml");
    let mut routes = BTreeMap::new();
    for (id, function) in functions_of(&document) {
        let events = properties(function).and_then(|properties| get(properties, "Events"));
        let is_routed = !WITHOUT_A_ROUTE.contains(&binary_of(id, function));
        assert!(events.is_some() || !is_routed, "{id} has no Events");
        for (name, event) in events.into_iter().flat_map(entries) {
            let is_route = string(event, "Type") == Some("HttpApi");
            assert_eq!(is_route, is_routed, "{id}.{name}: the type of the event");
            if !is_route {
                continue;
            }
            let route = properties(event)
                .and_then(|event| Some((string(event, "Method")?.to_uppercase(), string(event, "Path")?)))
                .map(|(method, path)| (method, path.to_owned()))
                .unwrap_or_else(|| panic!("{id}.{name} has no Method and Path"));
            let other = routes.insert(route.clone(), binary_of(id, function).to_owned());
            assert!(other.is_none(), "{route:?} is wired twice");
        }
    }
    assert!(!routes.is_empty(), "template.yaml has no route");
    routes
}

/// The logical ids of the template's functions, each with its binary.
fn template_functions() -> BTreeMap<String, String> {
    let text = read("template.yaml");
    let document = yaml(&text, "template.yaml");
    functions_of(&document)
        .map(|(id, function)| (id.to_owned(), binary_of(id, function).to_owned()))
        .collect()
}

fn functions_of<'a>(template: &'a Yaml<'a>) -> impl Iterator<Item = (&'a str, &'a Yaml<'a>)> {
    let resources = get(template, "Resources").expect("template.yaml has Resources");
    entries(resources).filter(|(_, resource)| string(resource, "Type") == Some("AWS::Serverless::Function"))
}

fn binary_of<'a>(id: &str, function: &'a Yaml<'a>) -> &'a str {
    let metadata = get(function, "Metadata").and_then(|metadata| get(metadata, "BuildProperties"));
    let binary = metadata.and_then(|properties| string(properties, "Binary"));
    binary.unwrap_or_else(|| panic!("{id} names no Binary to build"))
}

/// The subfolder of `functions/` for a route.
fn folder_of(path: &str) -> &'static str {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments[..] {
        // Called by browsers: the frontend API and the pages.
        ["api", "frontend", ..] | ["finalize-connection", ..] => "frontend",
        ["api", "backend", "connection-info" | "connect-token", ..] => "connections",
        ["api", "backend", "jira", ..] => "jira",
        ["health", ..] => "operations",
        _ => panic!("no folder is meant for {path}: say here which one"),
    }
}

fn documented_routes() -> BTreeSet<Route> {
    let text = read("openapi.yaml");
    let document = yaml(&text, "openapi.yaml");
    operations(&document).map(|(path, method, _)| (method.to_uppercase(), path.to_owned())).collect()
}

fn operations<'a>(openapi: &'a Yaml<'a>) -> impl Iterator<Item = (&'a str, &'a str, &'a Yaml<'a>)> {
    let paths = get(openapi, "paths").expect("openapi.yaml has paths");
    entries(paths).flat_map(|(path, item)| {
        let operations = entries(item).filter(|(key, _)| METHODS.contains(key));
        operations.map(move |(method, operation)| (path, method, operation))
    })
}

#[test]
fn every_unit_test_of_a_function_is_run() {
    for binary in binary_entries() {
        let path = binary["path"].as_str().expect("a binary has a path");
        let main = Path::new("functions").join(path);
        // A function in a folder of its own may have further files.
        let folder = main.parent().filter(|_| path.ends_with("/main.rs")).map(|folder| root().join(folder));
        let files = folder.iter().flat_map(|folder| children(folder)).chain([root().join(&main)]);
        let has_tests = files.into_iter().any(|file| {
            std::fs::read_to_string(file).expect("a function can be read").contains("#[cfg(test)]")
        });
        let is_run = binary.get("test").and_then(toml::Value::as_bool).unwrap_or(true);
        assert_eq!(is_run, has_tests, "whether {path} has unit tests, and `test` in functions/Cargo.toml");
    }
}

/// The binaries of `functions/Cargo.toml`, as they are written there.
fn binary_entries() -> Vec<toml::Value> {
    let mut manifest: toml::Table =
        read("functions/Cargo.toml").parse().expect("functions/Cargo.toml is TOML");
    match manifest.remove("bin") {
        Some(toml::Value::Array(binaries)) => binaries,
        _ => panic!("functions/Cargo.toml has no binaries"),
    }
}

/// The binaries of `functions/Cargo.toml`, each with its file below that folder.
fn binaries() -> BTreeMap<String, String> {
    let text = |binary: &toml::Value, key: &str| binary.get(key)?.as_str().map(str::to_owned);
    binary_entries()
        .iter()
        .map(|binary| text(binary, "name").zip(text(binary, "path")))
        .map(|binary| binary.expect("a binary has a name and a path"))
        .collect()
}

/// The main files of the binaries in `functions/`: `<folder>/<name>.rs` and `<folder>/<name>/main.rs`.
fn function_files() -> BTreeSet<String> {
    let functions = root().join("functions");
    children(&functions)
        .flat_map(|folder| children(&folder))
        .map(|path| if path.is_dir() { path.join("main.rs") } else { path })
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .filter_map(|path| path.strip_prefix(&functions).ok()?.to_str().map(str::to_owned))
        .collect()
}

/// The entries of a folder; empty for a file.
fn children(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = path.is_dir().then(|| std::fs::read_dir(path).expect("functions/ can be read"));
    entries.into_iter().flatten().map(|entry| entry.expect("functions/ can be read").path())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml<'a>(text: &'a str, name: &str) -> Yaml<'a> {
    let documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    documents.into_iter().next().unwrap_or_else(|| panic!("{name} is empty"))
}

fn get<'a>(node: &'a Yaml<'a>, key: &str) -> Option<&'a Yaml<'a>> {
    entries(node).find_map(|(name, value)| (name == key).then_some(value))
}

fn properties<'a>(node: &'a Yaml<'a>) -> Option<&'a Yaml<'a>> {
    get(node, "Properties")
}

fn string<'a>(node: &'a Yaml<'a>, key: &str) -> Option<&'a str> {
    get(node, key)?.as_str()
}

/// The entries of a mapping; empty for any other node.
fn entries<'a>(node: &'a Yaml<'a>) -> impl Iterator<Item = (&'a str, &'a Yaml<'a>)> {
    node.as_mapping().into_iter().flatten().filter_map(|(key, value)| Some((key.as_str()?, value)))
}
