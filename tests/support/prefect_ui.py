"""The Prefect UI in a real browser, used as a person uses it: by what is written on its buttons and links."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

WINDOW = {"width": 1280, "height": 1000}
PATIENCE_MS = 60_000
RUN_MS = 240_000


@dataclass(frozen=True, slots=True)
class PrefectUi:
    """One window, logged in. Pictures go to `pictures`."""

    page: Page
    pictures: Path

    def open_deployment(self, flow: str) -> None:
        """By the list of deployments."""
        self.page.get_by_role("link", name="Deployments").click()
        self.page.get_by_role("row").filter(has_text=flow).get_by_role("link", name="default").click()
        self.page.get_by_role("button", name="Run").wait_for()

    def open_form(self) -> None:
        """The form with the parameters of a run, from the deployment's page."""
        self.page.get_by_role("button", name="Run").click()
        self.page.get_by_role("menuitem", name="Custom run").click()
        self.field("Recipe").wait_for()

    def field(self, title: str) -> Locator:
        """The box under that title of the form."""
        return self.page.get_by_label(title, exact=False).first

    def submit(self) -> str:
        """Sends the form and opens the run that it made; the run's id."""
        self.page.get_by_role("button", name="Submit").click()
        self.page.get_by_role("link", name="View run").click()
        self.page.wait_for_url("**/runs/flow-run/**")
        return self.page.url.partition("/flow-run/")[2].partition("?")[0]

    def choose(self, what: str, confirm: str) -> None:
        """An entry of the run's menu, and the button of the dialogue that asks whether one is sure."""
        self.page.get_by_role("button", name="Open menu").first.click()
        self.page.get_by_role("menuitem", name=what).click()
        dialogue = self.page.get_by_role("alertdialog").or_(self.page.get_by_role("dialog"))
        dialogue.get_by_role("button", name=confirm, exact=True).click()

    def tab(self, name: str) -> None:
        """A tab of the run's page; by the keyboard, as the graph above it may lie over it while it is drawn."""
        tab = self.page.get_by_role("tab", name=name)
        tab.focus()
        self.page.keyboard.press("Enter")

    def until_told(self, text: str) -> None:
        """Waits until the page shows this text."""
        self.page.get_by_text(text).first.wait_for()

    def until_in_state(self, name: str) -> None:
        """Waits until the run's page shows that state; it asks its server now and then."""
        self.page.get_by_text(name, exact=True).first.wait_for(timeout=RUN_MS)

    def picture(self, name: str) -> None:
        """Keeps what the window shows."""
        self.page.screenshot(path=self.pictures / f"{name}.png")


@contextmanager
def prefect_ui(api_url: str, auth: str, pictures: Path) -> Iterator[PrefectUi]:
    """A browser that is there already; `deployments/native/apt-install chromium` installs it on Debian."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "there is no Chromium: deployments/native/apt-install chromium"
    with sync_playwright() as playwright:
        # its sandbox needs rights that root in a container lacks; it opens our own server's pages only
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW)
        page.set_default_timeout(PATIENCE_MS)
        try:
            log_in(page, api_url.removesuffix("/api"), auth)
            yield PrefectUi(page, pictures)
        except BaseException:
            page.screenshot(path=pictures / "failed.png")
            print(f"the browser showed {page.url}:\n{page.inner_text('body')[:2_000]}")
            raise
        finally:
            browser.close()


def log_in(page: Page, url: str, auth: str) -> None:
    """`auth` is `user:password`, as the server has it."""
    page.goto(url)
    page.get_by_placeholder("admin:pass").fill(auth)
    page.get_by_role("button", name="Login").click()
    page.wait_for_url("**/dashboard*")
