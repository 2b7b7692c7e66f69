//! A page as an HTTP response.

use http::StatusCode;
use http::header::CONTENT_SECURITY_POLICY;
use runtime::{Response, page};

use super::{HEADERS, Product};

/// Builds the response with a page. Its policy also allows the product's logo, if there is one.
pub fn document(status: StatusCode, product: Option<&Product>, html: String) -> Response {
    let mut response = page(status, HEADERS.as_slice(), html);
    if let Some(logo) = product.and_then(Product::logo) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, logo.policy().clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::ASSET_HEADERS;
    use super::*;

    #[test]
    fn every_page_forbids_sniffing_and_requires_tls() {
        let answers = [
            document(StatusCode::OK, None, "a page".to_owned()),
            page(StatusCode::OK, ASSET_HEADERS, "a style"),
        ];
        for answer in answers {
            for (name, value) in
                [("x-content-type-options", "nosniff"), ("strict-transport-security", "max-age=31536000")]
            {
                let values: Vec<_> = answer.headers().get_all(name).iter().collect();
                assert_eq!(values, [value], "{answer:?}");
            }
        }
    }
}
