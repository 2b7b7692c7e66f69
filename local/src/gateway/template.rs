//! Reads what the gateway needs from `template.yaml`: functions with their settings, routes, CORS.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::cors::Cors;
use super::intrinsics::{Scope, parse, text};
use super::route::Route;

/// The region that the functions see, unless `AWS_REGION` is overridden.
pub(crate) const REGION: &str = "us-east-1";

/// A function of the template, as it would be deployed.
#[derive(Clone, Debug)]
pub struct Function {
    /// The logical id, such as `GetAccessToken`.
    pub name: String,
    /// The file name of its executable.
    pub binary: String,
    /// The time limit of one invocation.
    pub timeout: Duration,
    /// `MemorySize`, in MB; passed to the function, not enforced.
    pub memory: u32,
    /// `LoggingConfig.LogFormat`: `Text` or `JSON`.
    pub log_format: String,
    /// `Environment.Variables`, evaluated.
    pub environment: BTreeMap<String, String>,
}

/// The parts of a SAM template that describe its HTTP API and functions.
#[derive(Clone, Debug)]
pub struct Template {
    /// Every `AWS::Serverless::Function` whose condition holds.
    pub functions: Vec<Function>,
    /// The routes of their `HttpApi` events.
    pub routes: Vec<Route>,
    /// The `CorsConfiguration` of the HTTP API.
    pub cors: Option<Cors>,
}

impl Template {
    /// Reads the template at `path`. `parameter_overrides` replace the parameters' defaults. The error names the
    /// resource that cannot be evaluated.
    pub fn read(path: impl AsRef<Path>, parameter_overrides: &BTreeMap<String, String>) -> Result<Self> {
        let path = path.as_ref();
        let yaml =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&yaml, parameter_overrides).with_context(|| format!("in {}", path.display()))
    }

    /// Like [`Template::read`], but from text.
    pub fn parse(yaml: &str, parameter_overrides: &BTreeMap<String, String>) -> Result<Self> {
        let document = parse(yaml)?;
        let scope = Scope::new(&document, parameter_overrides, REGION)?;
        let resources = document["Resources"].as_object().context("the template has no Resources")?;
        let mut template = Self { functions: Vec::new(), routes: Vec::new(), cors: None };
        let mut apis = 0;
        for (name, resource) in resources {
            let read = || -> Result<bool> {
                match resource["Condition"].as_str() {
                    Some(condition) => scope.condition(condition),
                    None => Ok(true),
                }
            };
            if !read().with_context(|| format!("resource {name}"))? {
                continue;
            }
            match resource["Type"].as_str() {
                Some("AWS::Serverless::Function") => {
                    template
                        .add_function(name, resource, &document, &scope)
                        .with_context(|| format!("resource {name}"))?;
                }
                Some("AWS::Serverless::HttpApi") => {
                    apis += 1;
                    ensure!(apis == 1, "resource {name}: the gateway serves one HTTP API");
                    let own = &resource["Properties"]["CorsConfiguration"];
                    let shared = &document["Globals"]["HttpApi"]["CorsConfiguration"];
                    let configuration = if own.is_null() { shared } else { own };
                    template.cors = scope
                        .evaluate(configuration)
                        .and_then(|configuration| Cors::from_template(&configuration))
                        .with_context(|| format!("resource {name}"))?;
                }
                _ => {}
            }
        }
        Ok(template)
    }

    fn add_function(
        &mut self,
        name: &str,
        resource: &Value,
        document: &Value,
        scope: &Scope<'_>,
    ) -> Result<()> {
        let globals = &document["Globals"]["Function"];
        let properties = &resource["Properties"];
        // A function's scalars replace the global ones; maps are merged
        // (https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html).
        let setting = |property: &str| -> Result<Value> {
            let value =
                if properties[property].is_null() { &globals[property] } else { &properties[property] };
            scope.evaluate(value).with_context(|| format!("in {property}"))
        };
        let number = |property: &str, default: u32| -> Result<u32> {
            match text(&setting(property)?) {
                Some(value) => {
                    value.parse().with_context(|| format!("{property} must be a number, is {value}"))
                }
                None => Ok(default),
            }
        };

        let mut environment = BTreeMap::new();
        for variables in [&globals["Environment"]["Variables"], &properties["Environment"]["Variables"]] {
            let variables = scope.evaluate(variables).context("in Environment")?;
            for (key, value) in variables.as_object().into_iter().flatten() {
                let value =
                    text(value).with_context(|| format!("environment variable {key} must be a string"))?;
                environment.insert(key.clone(), value);
            }
        }

        let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
        let binary = binary.context("there is no Metadata.BuildProperties.Binary")?.to_owned();

        // https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-httpapi.html
        for (event_name, definition) in properties["Events"].as_object().into_iter().flatten() {
            if definition["Type"] != json!("HttpApi") {
                continue;
            }
            let place = || format!("event {event_name}");
            let event = scope.evaluate(&definition["Properties"]).with_context(place)?;
            let version = text(&event["PayloadFormatVersion"]);
            ensure!(
                version.is_none_or(|version| version.parse() == Ok(2.0)),
                "in event {event_name}: only payload format 2.0 is served"
            );
            let method = event["Method"].as_str().unwrap_or("ANY");
            let route = Route::new(method, event["Path"].as_str(), name).with_context(place)?;
            if let Some(other) = self.routes.iter().find(|other| other.key == route.key) {
                bail!("the route {} belongs to {} already", route.key, other.function);
            }
            self.routes.push(route);
        }

        self.functions.push(Function {
            name: name.to_owned(),
            binary,
            timeout: Duration::from_secs(number("Timeout", 3)?.into()),
            memory: number("MemorySize", 128)?,
            log_format: setting("LoggingConfig")?["LogFormat"].as_str().unwrap_or("Text").to_owned(),
            environment,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Origins: { Type: CommaDelimitedList, Default: http://localhost:3000 }
  Nightly: { Type: String, Default: "false" }
Conditions:
  RunsNightly: !Equals [!Ref Nightly, "true"]
Globals:
  Function:
    Timeout: 15
    MemorySize: 256
    Environment:
      Variables:
        SHARED: !Sub "https://${Api}.example.com"
        REPLACED: global
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        AllowOrigins: !Ref Origins
        AllowMethods: [GET]
  First:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: rust-cargolambda, BuildProperties: { Binary: first } }
    Properties:
      CodeUri: functions/
      Role: !ImportValue something-not-needed
      Timeout: 25
      Environment: { Variables: { REPLACED: own, COUNT: 3 } }
      Events:
        Get: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: get, Path: "/first/{id}" } }
        List: { Type: HttpApi, Properties: { Method: GET, Path: "/first" } }
        Daily: { Type: ScheduleV2, Properties: { ScheduleExpression: rate(1 day) } }
  Second:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: second-binary } }
    Properties: { CodeUri: functions/ }
  Sometimes:
    Type: AWS::Serverless::Function
    Condition: RunsNightly
    Metadata: { BuildProperties: { Binary: sometimes } }
    Properties: { CodeUri: functions/ }
  Custom: { Type: "Custom::Thing", Properties: { ServiceToken: !ImportValue x } }
"#;

    #[test]
    fn functions_inherit_the_globals() {
        let template = Template::parse(TEMPLATE, &BTreeMap::new()).unwrap();
        let [first, second] = &template.functions[..] else { panic!("{:?}", template.functions) };
        assert_eq!((first.binary.as_str(), first.timeout.as_secs(), first.memory), ("first", 25, 256));
        let environment: Vec<_> =
            first.environment.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(environment, ["COUNT=3", "REPLACED=own", "SHARED=https://Api.example.com"]);
        assert_eq!((second.binary.as_str(), second.timeout.as_secs()), ("second-binary", 15));
        let routes: Vec<_> = template.routes.iter().map(|route| route.key.as_str()).collect();
        assert_eq!(routes, ["GET /first/{id}", "GET /first"]);
    }

    #[test]
    fn parameters_can_be_set_and_conditions_follow() {
        let overrides = BTreeMap::from([("Nightly".to_owned(), "true".to_owned())]);
        let template = Template::parse(TEMPLATE, &overrides).unwrap();
        assert_eq!(template.functions.len(), 3);
        let unknown = BTreeMap::from([("Nope".to_owned(), String::new())]);
        assert!(Template::parse(TEMPLATE, &unknown).unwrap_err().to_string().contains("Nope"));
    }

    #[test]
    fn an_error_names_the_resource() {
        let broken = TEMPLATE.replace("Timeout: 25", "Timeout: !ImportValue x");
        let error = Template::parse(&broken, &BTreeMap::new()).unwrap_err();
        assert!(format!("{error:#}").contains("resource First"), "{error:#}");
        let unnamed = TEMPLATE.replace("Binary: first", "Other: first");
        let error = Template::parse(&unnamed, &BTreeMap::new()).unwrap_err();
        assert!(format!("{error:#}").contains("resource First"), "{error:#}");
        let twice = TEMPLATE.replace("Path: \"/first\"", "Path: \"/first/{id}\"");
        let error = Template::parse(&twice, &BTreeMap::new()).unwrap_err();
        assert!(format!("{error:#}").contains("belongs to First already"), "{error:#}");
    }

    #[test]
    fn what_the_gateway_cannot_serve_is_refused() {
        let old = TEMPLATE.replace("Method: get", "PayloadFormatVersion: \"1.0\", Method: get");
        assert!(
            format!("{:#}", Template::parse(&old, &BTreeMap::new()).unwrap_err()).contains("payload format")
        );
        let two = format!("{TEMPLATE}  Other: {{ Type: AWS::Serverless::HttpApi }}\n");
        assert!(
            format!("{:#}", Template::parse(&two, &BTreeMap::new()).unwrap_err()).contains("one HTTP API")
        );
    }

    #[test]
    fn the_template_of_this_repository_is_supported() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
        let template = Template::read(path, &BTreeMap::new()).unwrap();
        assert!(!template.routes.is_empty());
        assert!(template.cors.is_some());
    }
}
