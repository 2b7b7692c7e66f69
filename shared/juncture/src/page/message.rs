use askama::Template;
use http::StatusCode;
use url::Url;

use super::STYLE_PATH;
use super::error::PageError;
use super::product::Product;
use crate::error::ErrorCode;
use crate::provider::ProviderId;

/// A page that says what happened and what to do next.
///
/// Each constructor is one outcome of the flow; [`status`](Self::status) is the status of the response.
#[derive(Clone, Debug)]
pub struct Message {
    pub(super) tone: Tone,
    status: StatusCode,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) next: String,
    /// Whether the page redirects to the product automatically.
    pub(super) redirects: bool,
    pub(super) product: Option<Product>,
    pub(super) reference: Option<String>,
}

/// The tone of a message, which sets its icon and colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Done,
    Declined,
    Expired,
    Failed,
    NotFound,
}

impl Tone {
    /// Its class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::NotFound => "not-found",
        }
    }
}

impl Message {
    /// The message that explains an error to a person.
    pub fn about(failure: &PageError, product: Option<&Product>) -> Self {
        let error = failure.error();
        let message = match (error.code(), error.status()) {
            (ErrorCode::StateExpired, _) => Self::state_expired,
            (ErrorCode::RateLimited, _) => Self::rate_limited,
            (ErrorCode::NeedsReauthorization, _) => Self::exchange_failed,
            (ErrorCode::OtherBrowser, _) => Self::other_browser,
            (ErrorCode::Prefetch, _) => Self::prefetched,
            (ErrorCode::NoOfflineAccess, _) => Self::no_offline_access,
            (ErrorCode::AccountUnknown, _) => Self::account_unknown,
            (ErrorCode::AccountUnavailable, _) => Self::account_unavailable,
            (_, StatusCode::GONE) => Self::link_expired,
            (
                _,
                StatusCode::BAD_REQUEST
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::URI_TOO_LONG
                | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            ) => Self::link_malformed,
            (_, StatusCode::BAD_GATEWAY | StatusCode::TOO_MANY_REQUESTS) => Self::provider_unreachable,
            (_, StatusCode::GATEWAY_TIMEOUT) => Self::timed_out,
            (_, StatusCode::SERVICE_UNAVAILABLE) => Self::unavailable,
            _ => Self::unexpected,
        };
        message(failure.provider(), product)
    }

    /// The connection was saved (200). The page redirects to the product at once, even without JavaScript.
    pub fn connected(provider: ProviderId, product: Option<&Product>) -> Self {
        let text = match product {
            Some(product) => format!("{} can use the site that you chose.", product.name()),
            None => "Everything is set up.".to_owned(),
        };
        let redirects = product.and_then(Product::url).is_some();
        let next = if redirects { "Taking you back…" } else { "You can close this window." };
        Self {
            next: next.to_owned(),
            redirects,
            ..Self::new(
                Tone::Done,
                StatusCode::OK,
                format!("{provider} is connected"),
                text,
                provider,
                product,
            )
        }
    }

    /// The URL was prefetched (503), so this page is rarely seen. The link still works.
    pub fn prefetched(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = "Not opened yet";
        let text = "This page was fetched ahead of time. Nothing was done.";
        Self {
            next: "To go on, reload this page.".to_owned(),
            ..Self::new(Tone::Expired, StatusCode::SERVICE_UNAVAILABLE, title, text, provider, product)
        }
    }

    /// The person declined on the provider's consent page (403).
    pub fn consent_declined(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = format!("{provider} was not connected");
        let text = "You chose not to give access, so nothing was changed.";
        Self::new(Tone::Declined, StatusCode::FORBIDDEN, title, text, provider, product)
    }

    /// The provider redirected the person back with a state that is unknown, expired or used (410).
    pub fn state_expired(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = "This sign-in has expired";
        let text = "It can be used once, and for ten minutes. This one is too old or was already used.";
        Self::new(Tone::Expired, StatusCode::GONE, title, text, provider, product)
    }

    /// The flow was started in another browser (403).
    pub fn other_browser(provider: ProviderId, product: Option<&Product>) -> Self {
        let origin = product.map_or("the page where you start", Product::name);
        let text = format!(
            "To protect you from links that others send, connecting {provider} begins and ends in one browser. \
             This one did not begin it, or it keeps no cookies. Nothing was changed."
        );
        let next = format!(
            "To try again, open {origin} in this browser and start there. If you did, allow cookies for this \
             page first."
        );
        let title = "Started in another browser";
        Self { next, ..Self::new(Tone::Declined, StatusCode::FORBIDDEN, title, text, provider, product) }
    }

    /// The consent includes no refresh token (403), because the scope for it is missing.
    pub fn no_offline_access(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = format!("{provider} was not connected");
        let text = format!(
            "You were not asked whether {} may go on using {provider} when you are not there, and without that it \
             cannot be connected. The address of that page was changed on the way. Nothing was changed in {provider}.",
            product.map_or("this product", Product::name)
        );
        Self::new(Tone::Declined, StatusCode::FORBIDDEN, title, text, provider, product)
    }

    /// The account of the consent cannot be read (403), because the scope for it is missing.
    pub fn account_unknown(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = format!("{provider} was not connected");
        let text = "You were not asked whether your profile may be seen, so we cannot tell whose account this is, and \
                    whether it takes the place of another. The address of that page was changed on the way. Nothing \
                    was changed.";
        Self::new(Tone::Declined, StatusCode::FORBIDDEN, title, text, provider, product)
    }

    /// The account of the consent cannot be read right now (502). The link still works.
    pub fn account_unavailable(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = format!("{provider} was not connected yet");
        let text = format!(
            "{} does not say right now whose account this is, so we cannot tell whether it takes the place of another. \
             Nothing was changed.",
            provider.info().vendor
        );
        Self {
            next: "To try again, wait a minute and reload this page.".to_owned(),
            ..Self::new(Tone::Failed, StatusCode::BAD_GATEWAY, title, text, provider, product)
        }
    }

    /// The provider refused to exchange the code (502).
    pub fn exchange_failed(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = format!("{provider} was not connected");
        let text = format!("{provider} did not confirm your sign-in. Nothing was changed.");
        Self::new(Tone::Failed, StatusCode::BAD_GATEWAY, title, text, provider, product)
    }

    /// The connection code is unknown, expired or used (410).
    pub fn link_expired(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = "This link has expired";
        let text = "It can be used once, and for fifteen minutes. If you have just connected, nothing is left to do.";
        Self::new(Tone::Expired, StatusCode::GONE, title, text, provider, product)
    }

    /// The consent gives access to no site (403).
    pub fn no_site(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = format!("No {provider} site found");
        let text = format!(
            "Your account has no {provider} site that can be connected. Use another account, \
             or ask your {provider} administrator for access."
        );
        Self::new(Tone::NotFound, StatusCode::FORBIDDEN, title, text, provider, product)
    }

    /// The provider is unreachable, returned an error or limits our requests (502).
    pub fn provider_unreachable(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = format!("{provider} is not answering");
        let text =
            format!("{provider} cannot be reached right now, so it was not connected. Please wait a minute.");
        Self::new(Tone::Failed, StatusCode::BAD_GATEWAY, title, text, provider, product)
    }

    /// Too many requests from this IP address or with this state or code (429). The link still works.
    pub fn rate_limited(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = "One moment, please";
        let text = "There were too many requests from your network, or for this link. Nothing was changed.";
        Self {
            next: "To try again, wait a minute and reload this page.".to_owned(),
            ..Self::new(Tone::Failed, StatusCode::TOO_MANY_REQUESTS, title, text, provider, product)
        }
    }

    /// The request timed out (504).
    pub fn timed_out(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = "This took too long";
        let text = format!("{provider} did not answer in time. Please wait a minute.");
        Self::new(Tone::Failed, StatusCode::GATEWAY_TIMEOUT, title, text, provider, product)
    }

    /// The URL is not one of ours: an unknown provider, a missing parameter (400).
    pub fn link_malformed(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = "This link is not complete";
        let text = "Part of its address is missing or was changed.";
        Self::new(Tone::NotFound, StatusCode::BAD_REQUEST, title, text, provider, product)
    }

    /// One of our own stores is unavailable (503).
    pub fn unavailable(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = "One moment, please";
        let text =
            format!("We cannot do this right now. {provider} was not connected. Please wait a minute.");
        Self::new(Tone::Failed, StatusCode::SERVICE_UNAVAILABLE, title, text, provider, product)
    }

    /// A bug or misconfiguration on our side (500).
    pub fn unexpected(provider: ProviderId, product: Option<&Product>) -> Self {
        let title = "Something went wrong";
        let text = format!("This is our mistake, not yours. {provider} was not connected.");
        Self::new(Tone::Failed, StatusCode::INTERNAL_SERVER_ERROR, title, text, provider, product)
    }

    /// A message that tells the person to start again.
    fn new(
        tone: Tone,
        status: StatusCode,
        title: impl Into<String>,
        text: impl Into<String>,
        provider: ProviderId,
        product: Option<&Product>,
    ) -> Self {
        let origin = product.map_or("where you came from", Product::name);
        Self {
            tone,
            status,
            title: title.into(),
            text: text.into(),
            next: format!("To try again, go back to {origin} and connect {provider} from there."),
            redirects: false,
            product: product.cloned(),
            reference: None,
        }
    }

    /// Adds the request id, for the person to give to support.
    #[must_use]
    pub fn with_reference(self, request_id: impl Into<String>) -> Self {
        Self { reference: Some(request_id.into()), ..self }
    }

    /// The URL that the person returns to.
    pub(super) fn product_url(&self) -> Option<&Url> {
        self.product.as_ref().and_then(Product::url)
    }

    /// The product to show above the message, if the settings give it a name.
    pub(super) fn brand(&self) -> Option<&Product> {
        self.product.as_ref().filter(|product| product.is_named())
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Renders the page as a complete HTML document.
    pub fn html(&self) -> String {
        MessageTemplate { message: self }.to_string()
    }
}

#[derive(Template)]
#[template(path = "page/message.html")]
struct MessageTemplate<'a> {
    message: &'a Message,
}
