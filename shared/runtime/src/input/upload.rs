//! Uploaded files: the body itself, or a part of a form (`multipart/form-data`).

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use lambda_http::Body;
use multer::Multipart;
use serde::de::DeserializeOwned;

use super::deserialize::{Source, names};
use super::pairs::read_pairs;
use super::{Route, check_value, shown};
use crate::Request;
use crate::bounds::{MAX_FILE_BYTES, file_too_large};
use crate::error::RequestError;

/// The part of a form that is the file.
const FILE: &str = "file";

/// The type of a file that nothing is known about.
const ANY: &str = "application/octet-stream";

/// Maximum length of a file's content type. Registered ones are at most 127 characters long, besides parameters.
const MAX_TYPE_BYTES: usize = 255;

/// An uploaded file.
#[derive(Debug)]
pub struct Upload {
    /// Its content, not empty and at most [`MAX_FILE_BYTES`].
    pub content: Bytes,
    /// Its media type, visible ASCII and spaces; `application/octet-stream` if none was sent.
    pub content_type: String,
    /// Its name, if it is a part of a form that has one.
    pub file_name: Option<String>,
}

/// Parses a request with a file: the fields from the query and the form, with the rules of [`query`](super::query), and
/// the file, which is the whole body unless that is a form. Parts of the form that `T` does not have are rejected.
///
/// # Errors
/// 400 for a field that `T` does not accept, a field that is given twice, a malformed form, and a missing or empty file;
/// 413 for a file that is too large.
pub async fn upload<T: DeserializeOwned>(
    request: Request,
    route: Route,
) -> Result<(T, Upload), RequestError> {
    let (parts, body) = request.into_parts();
    let mut fields = read_pairs(parts.uri.query().unwrap_or_default().as_bytes(), "query parameter")?;
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let content = match body {
        Body::Text(text) => Bytes::from(text),
        Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    };
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let file = if essence.eq_ignore_ascii_case("multipart/form-data") {
        let known = names::<T>()?;
        read_form(content_type.unwrap_or_default(), content, route, &known, &mut fields).await?
    } else {
        Some(Upload { content, content_type: media_type(content_type), file_name: None })
    };
    // What is missing is named in this order: a field, the file.
    let read = T::deserialize(Source::Pairs(&fields))?;
    let file = file.ok_or_else(|| {
        RequestError::malformed("The form has no part 'file': send the file as the part with that name")
    })?;
    if file.content.is_empty() {
        return Err(RequestError::malformed(
            "The file is empty: send its content as the body, or as the part 'file'",
        ));
    }
    if file.content.len() > MAX_FILE_BYTES {
        return Err(file_too_large());
    }
    Ok((read, file))
}

/// Reads the parts of a form into `fields`, and returns the file.
async fn read_form(
    content_type: &str,
    body: Bytes,
    route: Route,
    known: &[&str],
    fields: &mut BTreeMap<String, String>,
) -> Result<Option<Upload>, RequestError> {
    let malformed = |_: multer::Error| {
        RequestError::malformed(
            "The body is not a complete multipart/form-data form: let your HTTP client build it",
        )
    };
    let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
    let mut form = Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
    let mut file = None;
    while let Some(part) = form.next_field().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_owned();
        let twice =
            || RequestError::malformed(format!("The field '{}' is given more than once", shown(&name)));
        if name == FILE {
            let file_name = part.file_name().map(str::to_owned);
            check_value(FILE, file_name.as_deref().unwrap_or_default(), "file name")?;
            let kind = part.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
            let content_type = media_type(kind);
            let content = part.bytes().await.map_err(malformed)?;
            if file.replace(Upload { content, content_type, file_name }).is_some() {
                return Err(twice());
            }
            continue;
        }
        if !known.contains(&name.as_str()) {
            return Err(RequestError::malformed(format!(
                "{} is not a field of {}. Its fields are: {}, {FILE}",
                shown(&name),
                route.name(),
                known.join(", ")
            )));
        }
        let value = part.bytes().await.map_err(malformed)?;
        let value = String::from_utf8(value.into())
            .map_err(|_| RequestError::malformed(format!("The field '{name}' is not valid UTF-8")))?;
        check_value(&name, &value, "field")?;
        if fields.contains_key(&name) {
            return Err(twice());
        }
        fields.insert(name, value);
    }
    Ok(file)
}

/// The declared type, if it can be passed on in a header.
pub(crate) fn media_type(declared: Option<&str>) -> String {
    let is_fine = |kind: &&str| {
        kind.contains('/')
            && kind.len() <= MAX_TYPE_BYTES
            && kind.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    };
    declared.map(str::trim).filter(is_fine).unwrap_or(ANY).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Fields {
        issue: String,
        name: Option<String>,
    }

    const ROUTE: Route = Route::of("add-file");

    async fn read(query: &str, kind: &str, body: impl Into<Body>) -> Result<(Fields, Upload), String> {
        let request = http::Request::builder()
            .uri(format!("https://api.example.com/x?{query}"))
            .header(CONTENT_TYPE, kind)
            .body(body.into())
            .unwrap();
        upload(request, ROUTE).await.map_err(|error| error.to_string())
    }

    fn part(head: &str, content: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
    }

    async fn form(query: &str, parts: &[String]) -> Result<(Fields, Upload), String> {
        read(query, "multipart/form-data; boundary=b", format!("{}--b--\r\n", parts.concat())).await
    }

    #[tokio::test]
    async fn a_body_is_a_file_whatever_its_type() {
        let (fields, file) = read("issue=A-1&name=a.bin", "", vec![0xff, 0]).await.unwrap();
        assert_eq!((fields.issue.as_str(), fields.name.as_deref()), ("A-1", Some("a.bin")));
        assert_eq!((&*file.content, file.content_type.as_str()), (&[0xff, 0][..], ANY));
        let (_, file) = read("issue=A-1", "application/json", "{}").await.unwrap();
        assert_eq!((&*file.content, file.content_type.as_str()), (&b"{}"[..], "application/json"));
        for odd in ["text", "a/b\u{e9}", &format!("a/{}", "b".repeat(255))] {
            assert_eq!(media_type(Some(odd)), ANY);
        }
    }

    #[tokio::test]
    async fn a_form_has_a_file_and_fields() {
        let text = part(
            "name=\"file\"; filename=\"größe.txt\"\r\nContent-Type: text/plain; charset=utf-8",
            "a\r\nb",
        );
        let (fields, file) =
            form("name=other", &[part("name=\"issue\"", "A-1"), text.clone()]).await.unwrap();
        assert_eq!((fields.issue.as_str(), fields.name.as_deref()), ("A-1", Some("other")));
        assert_eq!(&*file.content, b"a\r\nb");
        assert_eq!(file.content_type, "text/plain; charset=utf-8");
        assert_eq!(file.file_name.as_deref(), Some("größe.txt"));
        let bare = part("name=\"file\"", "a");
        for (query, parts, said) in [
            ("", vec![bare.clone()], "Missing issue"),
            ("issue=A-1", vec![], "no part 'file'"),
            ("issue=A-1", vec![bare.clone(), bare.clone()], "The field 'file' is given more than once"),
            (
                "issue=A-1",
                vec![part("name=\"issue\"", "A-2"), bare.clone()],
                "The field 'issue' is given more",
            ),
            (
                "issue=A-1",
                vec![part("name=\"labels\"", "x"), bare.clone()],
                "labels is not a field of add-file",
            ),
            ("issue=A-1", vec![part("name=\"name\"", "a\u{0}"), bare.clone()], "control characters"),
            ("issue=A-1", vec![part("name=\"file\"", "")], "The file is empty"),
        ] {
            let refused = form(query, &parts).await.unwrap_err();
            assert!(refused.contains(said), "{query} {parts:?}: {refused}");
        }
    }

    #[tokio::test]
    async fn a_broken_form_is_refused() {
        let whole = format!("{}--b--\r\n", part("name=\"file\"", "content"));
        for (kind, body) in [
            ("multipart/form-data", whole.as_str()),
            ("multipart/form-data; boundary=c", whole.as_str()),
            ("multipart/form-data; boundary=b", &whole[..whole.len() - 10]),
            ("multipart/form-data; boundary=b", "--b\r\nContent-Disposition"),
            ("multipart/form-data; boundary=b", ""),
        ] {
            let refused = read("issue=A-1", kind, body).await.unwrap_err();
            assert!(
                refused.contains("multipart/form-data") || refused.contains("no part"),
                "{kind}: {refused}"
            );
        }
    }

    #[tokio::test]
    async fn a_file_has_a_largest_size() {
        let size = |bytes| read("issue=A-1", "image/png", vec![0; bytes]);
        assert!(size(MAX_FILE_BYTES).await.is_ok());
        assert!(size(MAX_FILE_BYTES + 1).await.unwrap_err().contains("larger than 4 MiB"));
    }
}
