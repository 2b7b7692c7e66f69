use askama::Template;
use url::Url;

use super::message::Tone;
use super::product::{Product, web_host};
use super::{Message, SCRIPT_PATH, STYLE_PATH};
use crate::display::DisplayName;
use crate::provider::{Account, ProviderId};
use base::display::shown;

/// Number of sites from which a search box is shown; fewer fit on a screen.
const SEARCH_BOX_MIN_SITES: usize = 8;

/// Maximum length of a site's or account's name, in characters; longer ones are truncated.
const MAX_NAME_CHARS: usize = 120;

/// Number of colours in the style sheet for sites without a picture.
const TINTS: usize = 6;

/// A site as listed by the provider, not validated.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Its id.
    pub id: &'a str,
    /// The name given by its administrators: any text.
    pub name: &'a str,
    /// Its URL, of which the host is shown; ignored unless it is `http` or `https`.
    pub url: &'a str,
    /// The URL of its picture; shown only if the provider serves it.
    pub avatar_url: Option<&'a str>,
}

/// The page for choosing the site that the product may use.
///
/// Without JavaScript, a plain form posts `site_id` to the page's own URL. With JavaScript, it posts
/// `{"connection_code", "site_id", "replace_account"}` to `create-connection` and then goes to the product, or shows
/// that the connection is done if there is no product URL. `replace_account` is the checkbox that confirms replacing an
/// account.
///
/// After a `409` (not confirmed) or a `403` (another browser) the script reloads the page, which explains the problem.
/// A `410` shows how to start again. Any other error is shown in plain language, and the person can try again.
#[derive(Clone)]
pub struct Finalize<'a> {
    /// The provider that is being connected.
    pub provider: ProviderId,
    /// The sites to choose from, in display order. If there are none, show
    /// [`Message::no_site`](super::Message::no_site) instead.
    pub sites: &'a [Site<'a>],
    /// The connection code from the page's URL.
    pub connection_code: &'a str,
    /// The product to connect to, and where to go afterwards.
    pub product: Option<&'a Product>,
    /// Whom the connection is for, in the words of the product's backend, so that a person who was sent here by
    /// somebody else notices.
    pub display_name: Option<&'a DisplayName>,
    /// The account that consented, if it would replace the connected one. The person confirms that with a checkbox.
    pub replaced_by: Option<&'a Account>,
    /// The site chosen in a rejected form. A single site is always preselected.
    pub chosen: Option<&'a str>,
    /// Why that form was rejected, as a sentence.
    pub error: Option<&'a str>,
}

impl Finalize<'_> {
    /// The URL that the person returns to.
    fn product_url(&self) -> Option<&Url> {
        self.product.and_then(Product::url)
    }

    /// The path to which the script posts the choice.
    fn create_connection_path(&self) -> String {
        format!("/api/frontend/finalize-connection/{}/create-connection", self.provider.as_str())
    }

    /// Renders the page as a complete HTML document.
    pub fn html(&self) -> String {
        let sites: Vec<_> = self.sites.iter().map(|site| self.choice(site)).collect();
        let template = FinalizeTemplate {
            page: self,
            heading: match self.sites {
                [_] => format!("Connect this {} site?", self.provider),
                _ => format!("Choose your {} site", self.provider),
            },
            replaced_by: self.replaced_by.map(|account| AccountNames {
                name: account.name.as_deref().and_then(name_shown),
                email: account.email.as_deref().and_then(name_shown),
            }),
            button: sites.iter().find(|site| site.chosen).map(|site| site.name.clone()),
            searchable: sites.len() >= SEARCH_BOX_MIN_SITES,
            sites,
            done: Message::connected(self.provider, self.product),
            expired: Message::link_expired(self.provider, self.product),
        };
        template.to_string()
    }

    fn choice<'a>(&self, site: &'a Site<'a>) -> Choice<'a> {
        let host =
            Url::parse(site.url).ok().and_then(|url| web_host(&url).map(str::to_owned)).unwrap_or_default();
        let shown = name_shown(site.name);
        let name = match shown.as_deref() {
            None if host.is_empty() => site.id,
            None => &host,
            Some(name) => name,
        };
        Choice {
            id: site.id,
            name: name.to_owned(),
            initial: name.chars().find(|c| c.is_alphanumeric()).map(|c| c.to_uppercase().collect()),
            tint: site.id.bytes().map(usize::from).sum::<usize>() % TINTS,
            avatar: site.avatar_url.and_then(|url| avatar(url, self.provider)),
            chosen: self.sites.len() == 1 || self.chosen == Some(site.id),
            host,
        }
    }
}

/// An untrusted name in displayable form; `None` if nothing of it is visible.
fn name_shown(name: &str) -> Option<String> {
    Some(shown(name, MAX_NAME_CHARS)).filter(|name| !name.is_empty())
}

/// Parses a picture's URL; `None` unless the provider serves it. The policy in [`HEADERS`](super::HEADERS) allows the
/// same hosts.
fn avatar(url: &str, provider: ProviderId) -> Option<Url> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "https" && url.port().is_none())?;
    let host = url.host_str()?;
    provider.info().image_domains.iter().any(|domain| host.ends_with(domain)).then_some(url)
}

/// The names of an account in displayable form.
struct AccountNames {
    name: Option<String>,
    email: Option<String>,
}

struct Choice<'a> {
    id: &'a str,
    name: String,
    host: String,
    initial: Option<String>,
    tint: usize,
    avatar: Option<Url>,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "page/finalize.html")]
struct FinalizeTemplate<'a> {
    page: &'a Finalize<'a>,
    heading: String,
    sites: Vec<Choice<'a>>,
    searchable: bool,
    replaced_by: Option<AccountNames>,
    /// The site named on the button.
    button: Option<String>,
    /// The messages that the script shows at the end.
    done: Message,
    expired: Message,
}
