use base::config::{Settings, SettingsError};
use http::HeaderValue;
use url::{Position, Url};

use super::headers::policy_with_image;
use base::display::{is_deceptive, shown};

/// Maximum length of a name, in characters.
const MAX_NAME_CHARS: usize = 60;

/// The customer's product that the connection is for, as shown to the person, and where they return to.
///
/// Settings: `PRODUCT_NAME`, `PRODUCT_LOGO_URL` and `DEFAULT_JIRA_SITE_REDIRECT_URI`. The name defaults to the host of
/// that URL; if neither is set, there is no product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    name: String,
    is_named: bool,
    url: Option<Url>,
    logo: Option<Logo>,
}

/// The product's logo at one exact URL, with the policy that allows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    url: Url,
    policy: HeaderValue,
}

impl Logo {
    /// The URL of the logo.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The `Content-Security-Policy` of a page that shows the logo.
    pub fn policy(&self) -> &HeaderValue {
        &self.policy
    }

    /// The logo at an `https` URL. `None` if the policy cannot express exactly that URL, for example because of
    /// credentials or an unusual host.
    fn at(url: Url) -> Option<Self> {
        let host = url.host_str()?;
        // Excludes asterisks, which would match any host, and IPv6 addresses, which a policy cannot express.
        let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
        let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if url.scheme() != "https" || !is_plain || !is_bare {
            return None;
        }
        // A source has no query, and an unescaped `;` or `,` would end it
        // (<https://www.w3.org/TR/CSP3/#framework-directive-source-list>).
        let source = url[..Position::AfterPath].replace(';', "%3B").replace(',', "%2C");
        let policy = HeaderValue::from_str(&policy_with_image(&source)).ok()?;
        Some(Self { url, policy })
    }
}

impl Product {
    /// The product at this URL, named after its host (and port, if it is not the scheme's default). `None` unless the
    /// URL is `http` or `https`: nothing else may become a link.
    pub fn from_url(url: &Url) -> Option<Self> {
        let host = web_host(url)?;
        let name = host.strip_prefix("www.").unwrap_or(host).to_owned();
        Some(Self { name, is_named: false, url: Some(url.clone()), logo: None })
    }

    /// The configured product for a flow with its own return URL.
    pub fn with_return_url(url: &Url, of_settings: Option<&Self>) -> Option<Self> {
        let there = Self::from_url(url);
        match of_settings {
            Some(known) if known.is_named => {
                Some(Self { url: there.and_then(|there| there.url), ..known.clone() })
            }
            Some(known) => there.map(|there| Self { logo: known.logo.clone(), ..there }),
            None => there,
        }
    }

    /// The name shown to the person: that of the settings, or a host such as `app.example.com`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the settings give the product a name. Otherwise [`Self::name`] is only a host.
    pub fn is_named(&self) -> bool {
        self.is_named
    }

    /// The URL that the person returns to.
    pub fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }

    /// The product's logo.
    pub fn logo(&self) -> Option<&Logo> {
        self.logo.as_ref()
    }

    /// Reads the product from the settings; `None` if they have neither a name nor a URL.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, SettingsError> {
        let url = settings.optional_url("DEFAULT_JIRA_SITE_REDIRECT_URI")?;
        let (name, logo) = (name(settings)?, logo(settings)?);
        let at = url.as_ref().and_then(Product::from_url);
        let product = match (name, at) {
            (Some(name), at) => Product { name, is_named: true, url: at.and_then(|at| at.url), logo },
            (None, Some(at)) => Product { logo, ..at },
            (None, None) => return Ok(None),
        };
        Ok(Some(product))
    }
}

fn name(settings: &Settings) -> Result<Option<String>, SettingsError> {
    let name = "PRODUCT_NAME";
    let Some(text) = settings.optional(name) else { return Ok(None) };
    let line = shown(&text, MAX_NAME_CHARS);
    if line.is_empty() || text.chars().any(is_deceptive) || text.chars().count() > MAX_NAME_CHARS {
        let reason = format!("must be one line of at most {MAX_NAME_CHARS} characters");
        return Err(SettingsError::Invalid { name, reason });
    }
    Ok(Some(line))
}

fn logo(settings: &Settings) -> Result<Option<Logo>, SettingsError> {
    let name = "PRODUCT_LOGO_URL";
    let invalid = || SettingsError::Invalid {
        name,
        reason: "must be the https:// address of a picture, without credentials".to_owned(),
    };
    settings.optional_url(name)?.map(|url| Logo::at(url).ok_or_else(invalid)).transpose()
}

/// The host and port of an `http` or `https` URL.
pub(super) fn web_host(url: &Url) -> Option<&str> {
    matches!(url.scheme(), "http" | "https").then(|| &url[Position::BeforeHost..Position::AfterPort])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(url: &str) -> Option<Product> {
        Product::from_url(&Url::parse(url).unwrap())
    }

    fn of(pairs: &[(&str, &str)]) -> Result<Option<Product>, SettingsError> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Product::from_settings(&Settings::from_pairs(pairs))
    }

    #[test]
    fn is_named_after_its_host() {
        for (url, name) in [
            ("https://app.example.com/settings?tab=jira", "app.example.com"),
            ("https://user:secret@www.example.com:443/", "example.com"),
            ("http://localhost:3000/done", "localhost:3000"),
        ] {
            assert_eq!(product(url).unwrap().name(), name);
        }
    }

    #[test]
    fn is_on_the_web_or_not_at_all() {
        for url in ["javascript:alert(1)", "data:text/html,hello", "file:///etc/passwd", "ftp://example.com/"]
        {
            assert_eq!(product(url), None, "{url}");
        }
    }

    #[test]
    fn keeps_its_configured_name_with_any_return_url() {
        let (home, elsewhere) = ("https://app.example.com/", Url::parse("https://example.org/x").unwrap());
        let named =
            of(&[("PRODUCT_NAME", "Acme"), ("DEFAULT_JIRA_SITE_REDIRECT_URI", home)]).unwrap().unwrap();
        assert_eq!((named.name(), named.url().map(Url::as_str)), ("Acme", Some(home)));
        let there = Product::with_return_url(&elsewhere, Some(&named)).unwrap();
        assert_eq!((there.name(), there.url()), ("Acme", Some(&elsewhere)));
        let homeless = of(&[("PRODUCT_NAME", "Acme")]).unwrap().unwrap();
        assert_eq!((homeless.name(), homeless.url()), ("Acme", None));
        let unnamed = of(&[("DEFAULT_JIRA_SITE_REDIRECT_URI", home)]).unwrap().unwrap();
        assert_eq!(Product::with_return_url(&elsewhere, Some(&unnamed)).unwrap().name(), "example.org");
        assert_eq!(of(&[]).unwrap(), None);
        for bad in ["a\nb", "\u{202e}emcA", &"x".repeat(61), "\u{200b}"] {
            let error = of(&[("PRODUCT_NAME", bad)]).unwrap_err().to_string();
            assert!(error.contains("the setting PRODUCT_NAME must be one line"), "{error}");
        }
    }

    #[test]
    fn its_logo_is_one_https_url_and_the_policy_allows_only_that() {
        let logo = |url: &str| of(&[("PRODUCT_NAME", "Acme"), ("PRODUCT_LOGO_URL", url)]);
        let source = |url: &str| {
            let policy = logo(url).unwrap().unwrap().logo().unwrap().policy().to_str().unwrap().to_owned();
            let images = policy.split("; ").find(|part| part.starts_with("img-src ")).unwrap().to_owned();
            images.rsplit(' ').next().unwrap().to_owned()
        };
        for (url, allowed) in [
            ("https://cdn.example.com/logo.svg", "https://cdn.example.com/logo.svg"),
            ("https://cdn.example.com:8443/a/logo.png?v=2", "https://cdn.example.com:8443/a/logo.png"),
            ("https://CDN.example.com", "https://cdn.example.com/"),
            (
                "https://cdn.example.com/a;script-src *,b 'x'.png",
                "https://cdn.example.com/a%3Bscript-src%20*%2Cb%20'x'.png",
            ),
        ] {
            assert_eq!(source(url), allowed, "{url}");
        }
        for bad in [
            "http://cdn.example.com/logo.svg",
            "http://localhost/logo.svg",
            "data:image/svg+xml,<svg/>",
            "javascript:alert(1)",
            "https://user:secret@cdn.example.com/logo.svg",
            "https://*/logo.svg",
            "https://*.example.com/logo.svg",
            "https://[::1]/logo.svg",
            "https://cdn.example.com/logo.svg#a",
            "//cdn.example.com/logo.svg",
            "logo.svg",
        ] {
            let error = logo(bad).unwrap_err().to_string();
            assert!(error.contains("PRODUCT_LOGO_URL") && !error.contains("secret"), "{bad}: {error}");
        }
    }
}
