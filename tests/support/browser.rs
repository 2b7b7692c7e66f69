//! A real Chromium, driven through `ChromeDriver`.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction, TouchActions};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use juncture_local::ports::free_port;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const RELEASE: PointerAction = PointerAction::Up { button: MOUSE_BUTTON_LEFT };

/// How long to wait for a page, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Polling interval.
const PAUSE: Duration = Duration::from_millis(50);

/// An emulated device.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// Used in the names of screenshots.
    pub name: &'static str,
    width: u32,
    height: u32,
    is_phone: bool,
    is_dark: bool,
}

/// A desktop with a light theme.
pub const DESKTOP: Device =
    Device { name: "desktop", width: 1280, height: 900, is_phone: false, is_dark: false };

/// A phone with a dark theme.
pub const PHONE: Device = Device { name: "phone", width: 390, height: 844, is_phone: true, is_dark: true };

/// The narrowest phone that pages are made for, with a dark theme.
pub const NARROW: Device = Device { name: "narrow", width: 360, height: 740, is_phone: true, is_dark: true };

/// How long each movement of a drag takes.
const MOVEMENT: Duration = Duration::from_millis(120);

/// One browser window.
pub struct Browser {
    client: Client,
    device: Device,
    driver: Child,
}

impl Browser {
    /// Opens a window with an empty profile.
    pub async fn open(device: Device) -> Result<Self> {
        // A port that chromedriver chooses itself is only free for IPv6, and fails when a connection uses it for IPv4.
        let port = free_port()?;
        let mut driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("chromedriver cannot be started: run `make setup-test`")?;
        started(&mut driver).await?;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(device))
            .connect(&format!("http://localhost:{port}"))
            .await?;
        Ok(Self { client, device, driver })
    }

    /// Opens a URL.
    pub async fn visit(&self, url: &str) -> Result<()> {
        Ok(self.client.goto(url).await?)
    }

    /// Waits for an element that matches a CSS selector.
    pub async fn find(&self, selector: &str) -> Result<()> {
        self.on(selector, async |_| Ok(())).await
    }

    /// Waits for an element and clicks it.
    pub async fn click(&self, selector: &str) -> Result<()> {
        self.on(selector, async |element| element.click().await).await
    }

    /// Waits for a checkbox or radio button and returns whether it is selected.
    pub async fn is_selected(&self, selector: &str) -> Result<bool> {
        self.on(selector, async |element| element.is_selected().await).await
    }

    /// Replaces the content of a field.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        self.on(selector, async |element| {
            element.clear().await?;
            element.send_keys(text).await
        })
        .await
    }

    /// Chooses a file in a field for files.
    pub async fn choose_file(&self, selector: &str, file: &std::path::Path) -> Result<()> {
        let path = file.to_str().context("a path that is not UTF-8")?;
        self.on(selector, async |element| element.send_keys(path).await).await
    }

    /// Presses on the middle of an element, moves to the middle of another and releases. Both have to be in the window.
    pub async fn drag(&self, from: &str, to: &str) -> Result<()> {
        self.move_held(from, to, &[RELEASE]).await
    }

    /// Presses on the middle of an element and moves to the middle of another, with the mouse.
    pub async fn hold_over(&self, from: &str, to: &str) -> Result<()> {
        self.move_held(from, to, &[]).await
    }

    /// Releases what the mouse holds.
    pub async fn release(&self) -> Result<()> {
        Ok(self.point(&[RELEASE]).await?)
    }

    /// In one go, because a finger is lifted at the end of its actions.
    async fn move_held(&self, from: &str, to: &str, last: &[PointerAction]) -> Result<()> {
        self.find(to).await?;
        let to = self.client.find(Locator::Css(to)).await?;
        self.on(from, async |element| {
            let at = |element: &Element| PointerAction::MoveToElement {
                element: element.clone(),
                duration: Some(MOVEMENT),
                x: 0.0,
                y: 0.0,
            };
            let nudge = PointerAction::MoveBy { duration: Some(MOVEMENT), x: 12.0, y: 0.0 };
            let press = PointerAction::Down { button: MOUSE_BUTTON_LEFT };
            self.point(&[&[at(element), press, nudge, at(&to)], last].concat()).await
        })
        .await
    }

    /// Uses the mouse, or, on a phone, a finger.
    async fn point(&self, steps: &[PointerAction]) -> Result<(), CmdError> {
        let steps = steps.iter().cloned();
        if self.device.is_phone {
            let finger = TouchActions::new("finger".to_owned());
            self.client.perform_actions(steps.fold(finger, InputSource::then)).await
        } else {
            let mouse = MouseActions::new("mouse".to_owned());
            self.client.perform_actions(steps.fold(mouse, InputSource::then)).await
        }
    }

    /// Waits for an element and returns its text.
    pub async fn text(&self, selector: &str) -> Result<String> {
        self.on(selector, async |element| element.text().await).await
    }

    /// Waits until an element's text contains `part`.
    pub async fn shows(&self, selector: &str, part: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text(selector).await?;
            if text.contains(part) {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "{selector} says {text:?} and never {part:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits for an element and acts on it. If the page replaces the element in between, the driver refuses, and the
    /// element is looked up again.
    async fn on<T>(
        &self,
        selector: &str,
        act: impl AsyncFn(&Element) -> std::result::Result<T, CmdError>,
    ) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let done = match self.client.find(Locator::Css(selector)).await {
                Ok(element) => act(&element).await,
                // The page changed during the lookup.
                Err(error) if is_aborted(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(error) => Err(error),
            };
            match done {
                Err(error) if may_pass(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(PAUSE).await
                }
                Err(error) => bail!("{selector} on {}: {error}", self.client.current_url().await?.path()),
                Ok(value) => return Ok(value),
            }
        }
    }

    /// Types into the focused element.
    pub async fn press(&self, keys: &str) -> Result<()> {
        Ok(self.client.active_element().await?.send_keys(keys).await?)
    }

    /// The URL of the page.
    pub async fn address(&self) -> Result<String> {
        Ok(self.client.current_url().await?.into())
    }

    /// Runs a script and returns its result.
    pub async fn script(&self, script: &str) -> Result<Value> {
        Ok(self.client.execute(script, Vec::new()).await?)
    }

    /// Saves a screenshot if `JUNCTURE_TEST_SCREENSHOTS` is set to a folder, and asserts that the page is not wider
    /// than the window.
    pub async fn look(&self, name: &str) -> Result<()> {
        if let Some(folder) = std::env::var_os("JUNCTURE_TEST_SCREENSHOTS").map(PathBuf::from) {
            std::fs::create_dir_all(&folder)?;
            let file = folder.join(format!("{name}-{}.png", self.device.name));
            std::fs::write(file, self.client.screenshot().await?)?;
        }
        let overflow = self
            .script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            .await?;
        anyhow::ensure!(overflow == 0, "{name} is {overflow} pixels too wide");
        Ok(())
    }

    /// Closes the window. Fails if the console contains errors, such as an exception or a violation of the content
    /// security policy.
    pub async fn close(mut self) -> Result<()> {
        let log = self.client.issue_cmd(BrowserLog).await?;
        self.client.close().await?;
        self.driver.kill().await?;
        let entries = log.as_array().cloned().unwrap_or_default();
        // Error pages are logged here too, because of their status.
        let complaints: Vec<_> = entries
            .iter()
            .filter_map(|entry| entry["message"].as_str())
            .filter(|message| !message.contains("Failed to load resource"))
            .collect();
        anyhow::ensure!(complaints.is_empty(), "the console says: {complaints:#?}");
        Ok(())
    }
}

/// Whether the driver refused because the page was not ready or has changed, before anything was clicked or typed.
fn may_pass(error: &CmdError) -> bool {
    error.is_no_such_element()
        || error.is_stale_element_reference()
        || error.is_element_not_interactable()
        || ["element click intercepted", "does not belong to the document"]
            .iter()
            .any(|refusal| error.to_string().contains(refusal))
}

/// Harmless during a lookup; a click that fails with this error may have been made.
fn is_aborted(error: &CmdError) -> bool {
    error.to_string().contains("aborted by navigation")
}

/// `POST /session/{id}/se/log`: `ChromeDriver`'s command that returns the console log.
#[derive(Debug)]
struct BrowserLog;

impl fantoccini::wd::WebDriverCompatibleCommand for BrowserLog {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> std::result::Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// Waits until the driver is listening.
async fn started(driver: &mut Child) -> Result<()> {
    let output = driver.stdout.take().context("no output")?;
    let mut lines = BufReader::new(output).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        if line.contains("started successfully") {
            // Unread output would block the driver.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(());
        }
        said.push_str(&line);
        said.push('\n');
    }
    bail!("chromedriver did not start:\n{said}")
}

fn capabilities(device: Device) -> Map<String, Value> {
    let mut arguments = vec![
        "--headless".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-quic".to_owned(),
        "--no-first-run".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        format!("--window-size={},{}", device.width, device.height),
    ];
    if device.is_dark {
        arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
    }
    let mut chrome = json!({ "args": arguments });
    if device.is_phone {
        chrome["mobileEmulation"] = json!({
            "deviceMetrics": { "width": device.width, "height": device.height, "pixelRatio": 2.0 }
        });
    }
    let mut capabilities = Map::new();
    capabilities.insert("goog:chromeOptions".to_owned(), chrome);
    capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "WARNING" }));
    capabilities
}
