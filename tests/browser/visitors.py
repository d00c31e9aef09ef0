"""Visitors of the page, one after the other, in contexts of a browser that keep what was fetched.

A page has some 150 files, which a new context fetches and compiles anew. Whoever comes next gets the files,
and nothing else, of who went.
"""

from contextlib import suppress
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Error, Page

# What a page can be told later; all other options are a context's own.
PLAIN = {
    "viewport": {"width": 1280, "height": 720},
    "color_scheme": "light",
    "reduced_motion": "no-preference",
}


class Visitors:
    """A browser whose new pages find nothing of an older one's but the files.

    The address, the session's storage and what a page was told by Playwright go with the page; cookies, local
    storage and permissions are taken away here. Two pages that are open at once never share a context.

    Attributes:
        scripts: what each new page runs before its own scripts.
    """

    def __init__(self, browser: Browser):
        self.browser = browser
        self.kept: list[tuple[dict, BrowserContext]] = []
        self.origins: set[str] = set()
        self.scripts: tuple[str, ...] = ()

    def new_context(self, **options) -> BrowserContext:
        """A context that nobody else gets."""
        return self.browser.new_context(**options)

    def new_page(self, **options) -> Page:
        """A visitor's page; the options are those of Playwright's `new_page`."""
        told = {name: options.pop(name, usual) for name, usual in PLAIN.items()}
        page = self._free(options).new_page()
        page.on(
            "request",
            lambda request: self.origins.add("{0.scheme}://{0.netloc}".format(urlsplit(request.url))),
        )
        self._clear(page)
        page.set_viewport_size(told.pop("viewport"))
        page.emulate_media(**told)
        for script in self.scripts:
            page.add_init_script(script)
        return page

    def _free(self, options: dict) -> BrowserContext:
        for wanted, context in self.kept:
            if wanted == options and not context.pages:
                return context
        context = self.browser.new_context(**options)
        self.kept.append((options, context))
        return context

    def _clear(self, page: Page) -> None:
        page.context.clear_cookies()
        page.context.clear_permissions()
        session = page.context.new_cdp_session(page)
        for origin in self.origins:
            with suppress(Error):  # "data:" has none
                asked = {
                    "origin": origin,
                    "storageTypes": "local_storage",
                }
                session.send("Storage.clearDataForOrigin", asked)
        session.detach()
