//! Selects the route of a request as an HTTP API does:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>

use std::cmp::Reverse;
use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use percent_encoding::percent_decode_str;

/// The methods of an HTTP API.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// A route of the template and the function behind it.
#[derive(Clone, Debug)]
pub struct Route {
    /// Such as `GET /things/{id}`, `ANY /{proxy+}` or `$default`.
    pub key: String,
    /// The logical id of the function.
    pub function: String,
    /// `None` for `ANY`, which is any of [`METHODS`], and `$default`.
    method: Option<String>,
    /// `None` for `$default`.
    segments: Option<Vec<Segment>>,
}

/// One segment of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Parameter(String),
    Greedy(String),
}

impl Route {
    /// A route to `function`; without a path it is the `$default` route.
    ///
    /// # Errors
    /// If the path does not start with a slash, ends with one, or is malformed.
    pub(super) fn new(method: &str, path: Option<&str>, function: &str) -> Result<Self> {
        let function = function.to_owned();
        let method = method.to_ascii_uppercase();
        let Some(path) = path.filter(|path| *path != "$default") else {
            return Ok(Self { key: "$default".to_owned(), function, method: None, segments: None });
        };
        let rest =
            path.strip_prefix('/').with_context(|| format!("the path {path} must start with a slash"))?;
        // CloudFormation accepts such a path, but the API gets a route with a different key and the deployment
        // fails (https://github.com/storacha/w3infra/pull/166).
        ensure!(
            !rest.ends_with('/'),
            "the path {path} must not end with a slash: an HTTP API has no such route"
        );
        let segments: Vec<Segment> = rest.split('/').map(Segment::parse).collect();
        let greedy = segments.iter().position(|segment| matches!(segment, Segment::Greedy(_)));
        ensure!(
            greedy.is_none_or(|at| at + 1 == segments.len()),
            "in {path} a greedy parameter is not the last segment"
        );
        let key = format!("{method} {path}");
        Ok(Self {
            key,
            function,
            method: (method != "ANY" && method != "*").then_some(method),
            segments: Some(segments),
        })
    }

    fn matches(&self, method: &str, path: &[&str]) -> bool {
        if !METHODS.contains(&method) || self.method.as_deref().is_some_and(|own| own != method) {
            return false;
        }
        let Some(segments) = &self.segments else { return true };
        let long_enough = match segments.last() {
            Some(Segment::Greedy(_)) => path.len() >= segments.len(),
            _ => path.len() == segments.len(),
        };
        long_enough
            && segments.iter().zip(path).all(|(segment, part)| match segment {
                Segment::Literal(literal) => literal == part,
                Segment::Parameter(_) | Segment::Greedy(_) => !part.is_empty(),
            })
    }

    /// Sort key, most specific first: full matches before greedy ones before `$default`; literals before
    /// parameters, from the left; longer greedy routes before shorter ones; a method before `ANY`.
    fn rank(&self) -> impl Ord + use<> {
        let kinds: Vec<u8> = self.segments.iter().flatten().map(Segment::kind).collect();
        let class = match &self.segments {
            None => 2,
            Some(_) => u8::from(kinds.last() == Some(&2)),
        };
        let length = Reverse(kinds.len());
        (class, length, kinds, self.method.is_none())
    }

    fn parameters(&self, path: &[&str]) -> BTreeMap<String, String> {
        let segments = self.segments.iter().flatten().enumerate();
        segments
            .filter_map(|(at, segment)| match segment {
                Segment::Literal(_) => None,
                Segment::Parameter(name) => Some((name.clone(), decode(path[at]))),
                Segment::Greedy(name) => Some((name.clone(), decode(&path[at..].join("/")))),
            })
            .collect()
    }
}

impl Segment {
    fn parse(text: &str) -> Self {
        match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Self::Greedy(name.to_owned()),
                None => Self::Parameter(name.to_owned()),
            },
            None => Self::Literal(text.to_owned()),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::Parameter(_) => 1,
            Self::Greedy(_) => 2,
        }
    }
}

/// Percent-decodes a part of a path; invalid UTF-8 becomes U+FFFD.
pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The routes of a template, most specific first.
#[derive(Debug)]
pub(super) struct Router(Vec<Route>);

impl Router {
    pub(super) fn new(mut routes: Vec<Route>) -> Self {
        routes.sort_by_cached_key(Route::rank);
        Self(routes)
    }

    /// Finds the route for a request, and its path parameters.
    ///
    /// The parameters are percent-decoded, as the authors of AWS's own emulator observed of API Gateway
    /// (<https://github.com/aws/aws-lambda-dotnet/pull/1901>). An encoded slash does not end a segment.
    ///
    /// A trailing slash is ignored: `/x` and `/x/` both match the route `/x`
    /// (<https://github.com/aws-powertools/powertools-lambda-python/issues/1552>).
    pub(super) fn find(&self, method: &str, path: &str) -> Option<(&Route, BTreeMap<String, String>)> {
        let path = path.strip_prefix('/')?;
        let parts: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        let route = self.0.iter().find(|route| route.matches(method, &parts))?;
        Some((route, route.parameters(&parts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(keys: &[&str]) -> Router {
        let routes = keys.iter().map(|key| match key.split_once(' ') {
            Some((method, path)) => Route::new(method, Some(path), "F").unwrap(),
            None => Route::new("ANY", None, "F").unwrap(),
        });
        Router::new(routes.collect())
    }

    #[test]
    fn the_most_specific_route_wins() {
        let keys = [
            "$default",
            "ANY /{proxy+}",
            "GET /pets/{proxy+}",
            "GET /pets/dog/{id}",
            "GET /pets/dog/1",
            "GET /pets/{kind}/1",
            "ANY /pets/dog/1",
            "GET /end",
            "GET /end/{slash+}",
        ];
        let router = router(&keys);
        for (method, path, expected) in [
            ("GET", "/pets/dog/1", "GET /pets/dog/1"),
            ("POST", "/pets/dog/1", "ANY /pets/dog/1"),
            ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
            ("GET", "/pets/cat/1", "GET /pets/{kind}/1"),
            ("GET", "/pets/cat/2", "GET /pets/{proxy+}"),
            ("GET", "/pets/dog/1/2", "GET /pets/{proxy+}"),
            ("POST", "/test/5", "ANY /{proxy+}"),
            ("GET", "/end", "GET /end"),
            ("GET", "/end/", "GET /end"),
            ("GET", "/end/x/", "GET /end/{slash+}"),
            ("HEAD", "/end/x/y", "ANY /{proxy+}"),
            ("OPTIONS", "/a", "ANY /{proxy+}"),
            ("PATCH", "/a//b", "ANY /{proxy+}"),
            ("GET", "/pets/dog/2/", "GET /pets/dog/{id}"),
            ("GET", "/", "$default"),
        ] {
            assert_eq!(router.find(method, path).unwrap().0.key, expected, "{method} {path}");
        }
    }

    #[test]
    fn an_unknown_path_or_method_has_no_route() {
        let router = router(&["GET /a/{id}", "POST /b", "ANY /c/{rest+}"]);
        for (method, path) in [
            ("GET", "/a"),
            ("GET", "/a/"),
            ("GET", "/a//"),
            ("GET", "/a/1//"),
            ("HEAD", "/a/1"),
            ("GET", "/b"),
            ("GET", "/A/1"),
            ("OPTIONS", "*"),
            ("GET", "/c"),
            ("GET", "/c/"),
            ("GET", "/c//a"),
            ("TRACE", "/c/a"),
            ("PROPFIND", "/c/a"),
        ] {
            assert!(router.find(method, path).is_none(), "{method} {path}");
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let router = router(&["GET /a/{id}/{rest+}"]);
        let (_, parameters) = router.find("GET", "/a/x%20y%2Fz/b/%C3%A9").unwrap();
        assert_eq!(
            parameters,
            BTreeMap::from([("id".into(), "x y/z".into()), ("rest".into(), "b/é".into())])
        );
        // Once, and dots are left alone.
        let (_, parameters) = router.find("GET", "/a/1/b//%2E%2e/%252e%3Fc/../").unwrap();
        assert_eq!(parameters["rest"], "b//../%2e?c/..");
    }

    #[test]
    fn malformed_paths_are_refused() {
        assert!(Route::new("GET", Some("no-slash"), "F").is_err());
        assert!(Route::new("GET", Some("/{all+}/more"), "F").is_err());
        assert!(Route::new("GET", Some("/end/"), "F").is_err());
    }
}
