use askama::Template;
use url::Url;

use super::message::Tone;
use super::product::{Product, web_host};
use super::{Message, SCRIPT_PATH, STYLE_PATH};
use crate::display::DisplayName;
use crate::provider::{Account, ProviderId};
use base::display::shown;

/// A search box helps from here on; fewer sites fit on a screen.
const SITES_WORTH_SEARCHING: usize = 8;

/// Names of sites and accounts are cut there, in characters.
const LONGEST_NAME: usize = 120;

/// How many colours the style sheet has for sites without a picture.
const TINTS: usize = 6;

/// A site as the provider tells it, unchecked.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Its id.
    pub id: &'a str,
    /// What its administrators call it: any text.
    pub name: &'a str,
    /// Its address, shown as a host; anything but a web address is left out.
    pub url: &'a str,
    /// Its picture; shown if the provider serves it.
    pub avatar_url: Option<&'a str>,
}

/// The page on which a person chooses the site that the product may use.
///
/// A plain form that posts `site_id` to the page's own address. With JavaScript it posts
/// `{"connection_code", "site_id"}` to `create-connection` instead and then goes to the product, or says that
/// all is done when there is none. The box that confirms that an account is replaced goes along as `replace_account`;
/// a `409` says that it is missing, and a `403` that this is another browser: both are for the page to explain,
/// anew. A `410` from there shows how to start again; every other refusal says so in
/// a person's words and can be tried again.
#[derive(Clone)]
pub struct Finalize<'a> {
    /// What is being connected.
    pub provider: ProviderId,
    /// The sites to choose from, in the order to show them; without any,
    /// [`Message::no_site`](super::Message::no_site) is the page to show.
    pub sites: &'a [Site<'a>],
    /// The code in the page's own address.
    pub connection_code: &'a str,
    /// What it is connected to, and where to go afterwards.
    pub product: Option<&'a Product>,
    /// For whom, as the product's backend says: whoever was sent here by somebody else can tell.
    pub display_name: Option<&'a DisplayName>,
    /// The account that consented, when another one is connected until now, which a box confirms.
    pub replaced_by: Option<&'a Account>,
    /// The site chosen in a form that was refused. A single site is always chosen.
    pub chosen: Option<&'a str>,
    /// Why that form was refused, a sentence.
    pub error: Option<&'a str>,
}

impl Finalize<'_> {
    /// Where the person returns to.
    fn product_url(&self) -> Option<&Url> {
        self.product.and_then(Product::url)
    }

    /// Where the script sends the choice.
    fn create_connection_path(&self) -> String {
        format!("/api/frontend/finalize-connection/{}/create-connection", self.provider.as_str())
    }

    /// The page, a whole document.
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
            searchable: sites.len() >= SITES_WORTH_SEARCHING,
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

/// A name that a stranger chose, as it is shown; `None` if nothing of it shows.
fn name_shown(name: &str) -> Option<String> {
    Some(shown(name, LONGEST_NAME)).filter(|name| !name.is_empty())
}

/// A picture's address, if the provider serves it. [`HEADERS`](super::HEADERS) allow the same.
fn avatar(url: &str, provider: ProviderId) -> Option<Url> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "https" && url.port().is_none())?;
    let host = url.host_str()?;
    provider.facts().picture_domains.iter().any(|domain| host.ends_with(domain)).then_some(url)
}

/// An account as it is shown.
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
    /// The site that the button names.
    button: Option<String>,
    /// What the script ends on.
    done: Message,
    expired: Message,
}
