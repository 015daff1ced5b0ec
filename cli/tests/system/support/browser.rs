//! A real Chromium, driven over WebDriver.

use std::{
    env,
    io::{self, BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction},
    key::Key,
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::eventually;

/// Its parts are Debian's packages `chromium` and `chromium-driver`.
const DRIVER: &str = "chromedriver";
const DRIVER_TRIES: usize = 5;
/// Nothing that asks elsewhere, no sandbox (tests run as root), no graphics card.
const OPTIONS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// See the module. Ends with its driver when dropped.
pub(crate) struct Browser {
    client: Client,
    runtime: Runtime,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// A browser with nothing in it and a window of that size; none, said loudly, where there is none.
    ///
    /// # Panics
    /// Where `CI` is set and there is none.
    pub(crate) fn start(test: &str, size: (u32, u32)) -> Option<Self> {
        Self::start_with(test, size, &[])
    }

    /// The same, with more options of Chromium's, and content with any certificate.
    pub(crate) fn start_with(test: &str, size: (u32, u32), more: &[String]) -> Option<Self> {
        let started = (0..DRIVER_TRIES).find_map(|_| start_driver().transpose());
        let Ok((driver, port)) = started.expect("the driver finds a port") else {
            let ci = env::var_os("CI").is_some_and(|ci| !ci.is_empty());
            assert!(!ci, "{test} cannot run, and in CI it must: {DRIVER} is missing");
            eprintln!(
                "\n!!! SKIPPED: {test}\n!!! {DRIVER} is missing: apt-get install chromium chromium-driver\n"
            );
            return None;
        };
        let profile = TempDir::new().expect("there is room");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("there are threads");
        let mut options = OPTIONS.map(str::to_owned).to_vec();
        options.push(format!("--user-data-dir={}", profile.path().display()));
        options.push(format!("--window-size={},{}", size.0, size.1));
        options.extend_from_slice(more);
        let capabilities = json!({ "goog:chromeOptions": { "args": options }, "acceptInsecureCerts": true });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().expect("it is one").clone());
        let client = runtime.block_on(builder.connect(&format!("http://127.0.0.1:{port}")));
        Some(Self { client: client.expect("Chromium starts"), runtime, driver, _profile: profile })
    }

    pub(crate) fn open(&self, url: &str) {
        self.runtime.block_on(self.client.goto(url)).unwrap();
    }

    pub(crate) fn address(&self) -> String {
        self.runtime.block_on(self.client.current_url()).unwrap().to_string()
    }

    /// What a script returns.
    pub(crate) fn script(&self, script: &str) -> Value {
        self.runtime
            .block_on(self.client.execute(script, vec![]))
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// What all elements of a selector say.
    pub(crate) fn texts(&self, css: &str) -> Vec<String> {
        let all =
            format!("return [...document.querySelectorAll({})].map((it) => it.textContent)", json!(css));
        serde_json::from_value(self.script(&all)).unwrap()
    }

    /// What an element says.
    pub(crate) fn text(&self, css: &str) -> String {
        self.texts(css).into_iter().next().unwrap_or_else(|| panic!("there is no {css}"))
    }

    /// Waits until an expression is true in the page.
    pub(crate) fn wait_for(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        eventually(&format!("{expression}; the page says {:?}", self.texts("body")), || {
            (self.script(&script) == json!(true)).then_some(())
        });
    }

    pub(crate) fn click(&self, css: &str) {
        let clicked =
            self.runtime.block_on(async { self.client.find(Locator::Css(css)).await?.click().await });
        clicked.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Presses a key on whatever has the focus.
    pub(crate) fn press(&self, key: Key) {
        self.write(&char::from(key).to_string());
    }

    /// Types.
    pub(crate) fn write(&self, text: &str) {
        let typed =
            self.runtime.block_on(async { self.client.active_element().await?.send_keys(text).await });
        typed.unwrap();
    }

    /// Drags by the mouse, from a point of an element to another one: parts of its width, in the middle of its height.
    pub(crate) fn drag(&self, css: &str, from: f64, to: f64) {
        let rect = format!(
            "const it = document.querySelector({}).getBoundingClientRect(); return [it.x, it.y + it.height / 2, it.width]",
            json!(css)
        );
        let [left, y, width]: [f64; 3] = serde_json::from_value(self.script(&rect)).unwrap();
        let point = |part: f64| PointerAction::MoveTo { duration: None, x: left + part * width, y };
        let steps = (1..=8).map(|step| point(from + (to - from) * f64::from(step) / 8.0));
        let mut mouse = MouseActions::new("mouse".into()).then(point(from));
        mouse = mouse.then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
        mouse = steps.fold(mouse, |mouse, step| mouse.then(step));
        mouse = mouse.then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.runtime.block_on(self.client.perform_actions(mouse)).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The session's end ends Chromium; killing the driver alone would leave it.
        let _ = self.runtime.block_on(self.client.clone().close());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The driver and the port that it chose. It chooses one that is free in one family, and ends if it is taken in the other: then
/// there is none, and it is worth another try. An error: there is no driver.
fn start_driver() -> io::Result<Option<(Child, u16)>> {
    let mut driver =
        Command::new(DRIVER).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let told =
        lines.find_map(|line| line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse().ok());
    let Some(port) = told else {
        driver.wait()?;
        return Ok(None);
    };
    // It goes on writing, and must find a reader.
    std::thread::spawn(move || lines.for_each(drop));
    Ok(Some((driver, port)))
}
