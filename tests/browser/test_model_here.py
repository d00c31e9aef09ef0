"""The static page with a model: a photo is encoded and painted in the visitor's browser, and goes nowhere."""

import io
import re
from base64 import b64decode, b64encode

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageCms, ImageDraw

import tokenizer_core as tc
from demo import links
from tests.browser.drag import FLAGS, chromium
from tests.browser.hosted import hosted
from tests.browser.model_here import exported
from tests.drawn import linear_profile

pytestmark = pytest.mark.browser
CHOOSE = "#choose input[type=file]"
OWN = (
    "dial.done !== undefined && !document.querySelector('#dial .credit').textContent && dial.loaded.mean > %d"
)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The model in Python, and the folder of its page."""
    folder = tmp_path_factory.mktemp("with_model")
    return exported(tmp_path_factory.mktemp("checkpoints"), folder), folder


@pytest.fixture(scope="module")
def host(here):
    """Where that page is."""
    with hosted(here[1]) as address:
        yield address


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A photo that is no square: a gradient and some shapes."""
    y, x = np.mgrid[0:200, 0:300]
    picture = Image.fromarray(np.stack([x * 255 // 299, y * 255 // 199, (x + y) % 256], -1).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((60, 40, 160, 140), fill=(240, 220, 30))
    draw.rectangle((180, 90, 280, 190), fill=(20, 30, 120))
    path = tmp_path_factory.mktemp("photos") / "shapes.png"
    picture.save(path)
    return path


class Visit:
    """A visitor with a browser of their own, whose every request is noted."""

    def __init__(self, browser, host, path="", **options):
        self.context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
        self.host, self.asked, self.problems = host, [], []
        self.context.on("request", lambda request: self.asked.append((request.method, request.url)))
        self.page = self.open(path)

    def open(self, path=""):
        """The page in a new tab, its first example there."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.goto(self.host + path)
        page.wait_for_function("window.dial && dial.loaded.mean > 0", timeout=60_000)
        return page

    def bring(self, photo, answer="Fetch it"):
        """Choose a photo, and answer what is asked."""
        self.page.set_input_files(CHOOSE, str(photo))
        self.page.get_by_role("button", name=answer).click()

    def loaded(self, count=0):
        """Wait for more than so many pictures of the visitor's own photo."""
        self.page.wait_for_function(OWN % count, timeout=60_000)

    @property
    def tokens(self):
        """The packed tokens in the page's link."""
        link = self.page.evaluate("dial.address(true)")
        return tc.tokens_of_text(link)

    def close(self):
        """What every visit ends with: no fault, and nothing that left the machine."""
        self.context.close()
        assert self.problems == []
        assert {method for method, _ in self.asked} == {"GET"}, "nothing is sent"
        assert all(url.startswith((self.host, "data:", "blob:")) for _, url in self.asked)


@pytest.fixture
def visit(browser, host):
    """A first visit."""
    visitor = Visit(browser, host)
    yield visitor
    visitor.close()


@pytest.fixture
def plain(browser, host):
    """A first visit without a service worker, which would ask for files where a test cannot see it."""
    visitor = Visit(browser, host, service_workers="block")
    yield visitor
    visitor.close()


def test_the_tokens_are_those_of_python(visit, here, photo):
    model, _ = here
    visit.bring(photo)
    visit.loaded()
    own, theirs = tc.Encoding.from_bytes(visit.tokens), model.encode(photo)
    assert (own.model, own.checkpoint_id, own.tokens.shape) == (
        theirs.model,
        theirs.checkpoint_id,
        theirs.tokens.shape,
    )
    assert (own.tokens == theirs.tokens).mean() >= 0.99
    infos = {model.info.name: model.info}
    assert links.film(tc.text_of_tokens(visit.tokens), infos).told["tokens"], "the link opens on a server"


SQUARE = """async ([data, crop, own]) => {
  const { Photo } = await import("./page/onnx/photo.js");
  const { bringJpeg } = await import("./page/onnx/jpeg.js");
  const file = new Blob([Uint8Array.from(atob(data), (char) => char.charCodeAt(0))]);
  const photo = await Photo.open(file, own ? await bringJpeg() : null);
  return btoa(String.fromCharCode(...await photo.square(64, crop)));
}"""


def written(picture, form, **options):
    """A picture as a file's bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def test_squares_are_those_of_the_server(visit, photo):
    picture, turned = Image.open(photo), Image.Exif()
    turned[0x0112] = 6
    clear = picture.copy()
    clear.putalpha(Image.linear_gradient("L").resize(picture.size))
    large = picture.resize((3000, 2100), Image.Resampling.BICUBIC)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    files = {
        "PNG": (written(picture, "PNG"), 0),
        "turned JPEG": (written(picture, "JPEG", exif=turned), 0),
        "PNG with alpha": (written(clear, "PNG"), 1),
        "GIF": (written(picture.quantize(64), "GIF"), 0),
        "WebP": (written(picture, "WEBP"), 0),
        "large JPEG, which is decoded smaller": (written(large, "JPEG", quality=92, exif=turned), 0),
        "large JPEG in sRGB": (written(large, "JPEG", icc_profile=srgb), 0),
        "large JPEG of other colours": (written(large, "JPEG", icc_profile=linear_profile()), 2),
        "large JPEG, averaged": (written(large, "JPEG", quality=92), 3),
        "large JPEG of four colours, averaged": (written(large.convert("CMYK"), "JPEG"), 3),
    }
    for crop in ((0.5, 0.5, 1.0), (0.3, 0.7, 2.5)):
        for name, (data, most) in files.items():
            own = not name.endswith("JPEG, averaged")
            found = b64decode(visit.page.evaluate(SQUARE, [b64encode(data).decode(), crop, own]))
            wanted = tc.square_crop(tc.open_photo(data), 64, crop[:2], crop[2]).array
            apart = np.abs(np.frombuffer(found, np.uint8).reshape(64, 64, 3).astype(int) - wanted)
            assert apart.max() <= most, (name, crop)
            assert apart.mean() <= most / 6, (name, crop)


# The same modules, with pictures that no WebP rounds: what the page shows is packed as the server packs it.
PAINT = """async ([root, tokens, asked]) => {
  const from = (name) => import(new URL(`page/onnx/${name}.js`, root).href);
  const [{ Model, ALL }, { bring }, { Tokenizer }, { unpack }] = await Promise.all(
    ["manifest", "bring", "tokenizer", "packing"].map(from));
  const model = new Model(await (await fetch(new URL("model/graphs.json", root))).json(), "model/");
  const ort = await import(new URL(model.runtimeOf(false).script, root).href);
  const bytes = new Map();
  for (const file of model.filesOf(ALL)) {
    bytes.set(file.path, (await bring(file, new URL(root), () => {})).bytes);
  }
  const packed = new Blob([bytes.get(model.runtimeOf(false).binary.path)]).stream();
  ort.env.wasm.numThreads = 1;
  const plain = packed.pipeThrough(new DecompressionStream("gzip"));
  ort.env.wasm.wasmBinary = await new Response(plain).arrayBuffer();
  const sessions = {};
  for (const name of ALL) {
    const { graph, weights } = model.graph(name);
    const named = ({ path }) => ({ path: path.split("/").at(-1), data: bytes.get(path) });
    const options = { externalData: weights.map(named), logSeverityLevel: 3 };
    sessions[name] = await ort.InferenceSession.create(bytes.get(graph.path), options);
  }
  const tokenizer = new Tokenizer(ort.Tensor, model.shape, sessions);
  const { indices } = unpack(Uint8Array.from(atob(tokens), (char) => char.charCodeAt(0)));
  const found = [];
  for (const { length, steps, seed, without } of asked) {
    const rgb = await tokenizer.decode({ indices, without }, length, { steps, seed });
    found.push(btoa(String.fromCharCode(...rgb)));
  }
  return found;
}"""


def test_pictures_are_those_of_python(visit, here, host, photo):
    model, _ = here
    encoding = model.encode(photo)
    count = len(encoding)
    asked = [
        {"length": 0, "steps": 1, "seed": 0},
        {"length": 3, "steps": 1, "seed": 0},
        {"length": count, "steps": 1, "seed": 0},
        {"length": 5, "steps": 2, "seed": 7},  # distilled
        {"length": 5, "steps": 6, "seed": 1},  # guided
        {"length": count, "steps": 1, "seed": 0, "without": 2},
    ]
    packed = visit.page.evaluate(PAINT, [host, tc.text_of_tokens(encoding.to_bytes()), asked])
    for one, data in zip(asked, packed, strict=True):
        levels = np.frombuffer(b64decode(data), np.uint8).reshape(64, 64, 3)
        code, length = encoding, one["length"]
        if "without" in one:
            code = encoding.select(np.arange(1, count + 1) != one["without"])
            length = len(code)
        picture = model.decode(code, length, steps=one["steps"], seed=one["seed"])
        assert tc.psnr(tc.Picture(levels.copy()), picture) >= 45, one


def test_after_the_model_nothing_is_asked_for_and_without_a_network_all_works(visit, photo, tmp_path):
    visit.bring(photo)
    visit.loaded()
    visit.page.get_by_text("This page works offline now.").wait_for()
    visit.page.wait_for_function("navigator.serviceWorker.ready.then(() => true)")
    visit.page.wait_for_function("dial.done", timeout=60_000)
    asked = len(visit.asked)
    Image.new("RGB", (200, 120), (200, 30, 30)).save(tmp_path / "red.png")
    visit.page.set_input_files(CHOOSE, str(tmp_path / "red.png"))
    visit.page.wait_for_function(
        "document.querySelector('#dial .thumbnail').complete && dial.loaded.mean < 9"
    )
    visit.page.wait_for_function("dial.done", timeout=60_000)
    visit.page.evaluate("dial.set(3)")
    visit.page.wait_for_function("dial.shown === 3")
    assert [url for _, url in visit.asked[asked:] if url.startswith("http")] == []
    link = visit.page.evaluate("dial.address(true)")
    visit.context.set_offline(True)
    visit.page.close()
    visit.page = visit.open(link.removeprefix(visit.host))
    visit.page.wait_for_function(
        "document.querySelector('#dial .credit').textContent.startsWith('It stayed') && dial.loaded.mean > 0",
        timeout=60_000,
    )
    assert visit.page.evaluate("crossOriginIsolated"), "threads, though the host says nothing"
    visit.page.set_input_files(CHOOSE, str(photo))
    visit.loaded()
    assert not visit.page.locator("dialog.offer").is_visible(), "nobody is asked twice"
    visit.page.evaluate("dial.set(1)")
    visit.page.wait_for_function("dial.shown === 1", timeout=60_000)


def test_a_link_needs_no_encoder(visit, here, photo):
    model, _ = here
    text = tc.text_of_tokens(model.encode(photo).to_bytes())
    visit.page.goto("about:blank")
    visit.page.goto(f"{visit.host}#t={text}&k=2")
    visit.page.locator("dialog.offer[open]").wait_for()
    said = visit.page.locator("dialog.offer").inner_text()
    assert "the part of the model that paints" in said
    assert re.search(r"\d+ MB", said)
    visit.page.get_by_role("button", name="Fetch it").click()
    visit.page.wait_for_function("window.dial && dial.loaded.mean > 0 && dial.k === 2", timeout=60_000)
    names = {url.rpartition("/")[2] for _, url in visit.asked}
    assert {"decoder.safetensors", "paint.onnx"} <= names
    assert not {"encoder.safetensors", "encode.onnx"} & names
    assert visit.tokens == tc.tokens_of_text(text)
    assert visit.page.locator("#dial .away").is_visible()


def test_who_says_no_keeps_the_examples(visit, photo):
    visit.page.set_input_files(CHOOSE, str(photo))
    visit.page.locator("dialog.offer[open]").wait_for()
    found = Axe().run(visit.page).response["violations"]
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []
    visit.page.get_by_role("button", name="Not now").click()
    visit.page.get_by_text("The model was not fetched").wait_for()
    assert visit.page.locator("#dial .credit").inner_text() != ""
    assert not any(".safetensors" in url for _, url in visit.asked)
    visit.page.evaluate("dial.set(64)")
    visit.page.wait_for_function("dial.shown === 64")
    visit.bring(photo)
    visit.loaded()


def test_a_file_that_is_no_picture_is_a_sentence(visit, photo, tmp_path):
    (tmp_path / "words.png").write_text("no picture")
    (tmp_path / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\x08\x02\0\0\0" + bytes(40)
    )
    (tmp_path / "empty.png").write_bytes(b"")
    visit.bring(photo)
    visit.loaded()
    for name, words in (("words", "cannot open that file"), ("bomb", "60 megapixels"), ("empty", "is empty")):
        visit.page.set_input_files(CHOOSE, str(tmp_path / f"{name}.png"))
        visit.page.locator(".status.bad").get_by_text(words).wait_for()
    visit.page.wait_for_function("dial.done", timeout=60_000)


FULL = "Cache.prototype.put = () => Promise.reject(new DOMException('full', 'QuotaExceededError'));"


def test_a_full_disk_goes_on_without_a_cache(plain, here, photo):
    script = (here[1] / "page/onnx/worker.js").read_text("utf-8")
    plain.context.route(
        "**/onnx/worker.js",
        lambda route: route.fulfill(body=f"{script}\n{FULL}", content_type="text/javascript"),
    )
    plain.bring(photo)
    plain.page.get_by_text("The model is here.").wait_for()
    plain.loaded()


def test_a_damaged_file_is_a_sentence_and_the_next_try_mends_it(plain, here, photo):
    damaged = bytearray((here[1] / "model/paint.onnx").read_bytes())
    damaged[100] ^= 1
    plain.context.route("**/model/paint.onnx", lambda route: route.fulfill(body=bytes(damaged)), times=1)
    plain.bring(photo)
    plain.page.locator(".status.bad").get_by_text("came damaged").wait_for()
    plain.bring(photo)
    plain.loaded()


def test_a_phone_with_little_memory_is_told(browser, host, photo):
    visit = Visit(browser, host)
    visit.page.evaluate("Object.defineProperty(navigator, 'deviceMemory', { value: 1 })")
    visit.page.set_input_files(CHOOSE, str(photo))
    visit.page.get_by_text("This device has little memory").wait_for()
    visit.page.keyboard.press("Escape")
    visit.page.get_by_text("The model was not fetched").wait_for()
    visit.close()


def test_maps_and_views_are_made_here(visit, here, photo):
    model, _ = here
    visit.bring(photo)
    visit.loaded()
    page = visit.page
    page.wait_for_function("document.querySelectorAll('.layer option').length === 4")
    encoding = model.encode(photo)
    token = 3
    for way, layer in (("read", 0), ("read", 1), ("write", 0), ("write", 1)):
        page.locator(".layer").select_option(f"{way}, layer {layer + 1} of 2")
        page.locator(".pick").evaluate(
            f"pick => {{ pick.value = {token}; pick.dispatchEvent(new Event('input')); }}"
        )
        raw = model.attention(encoding, way, layer).raw
        mass = 100 * (raw[token - 1].sum() if way == "read" else raw[..., token - 1].mean())
        page.wait_for_function(
            "wanted => Math.abs(parseFloat(document.querySelector('.n-mass').textContent) - wanted) <= 0.51",
            arg=float(mass),
        )
    page.locator("#panel-explore button.view").click()
    page.get_by_text("all but token 3").wait_for()
    page.locator("#tab-chance").click()
    page.get_by_role("button", name="Other seeds").click()
    page.wait_for_function("document.querySelectorAll('.seed-grid button').length === 8", timeout=60_000)
    assert not page.locator("#tab-needs").is_visible(), "what needs a server is not offered"


SOFTWARE_CARD = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
SOFTWARE_CARD += ["--enable-features=Vulkan,WebGPU", "--use-vulkan=swiftshader", "--ignore-gpu-blocklist"]


def test_a_graphics_card_that_agrees_computes(browser, host, here, photo):
    model, _ = here
    flags = [flag for flag in FLAGS if flag != "--disable-gpu"]
    with_card = browser.browser.browser_type.launch(executable_path=chromium(), args=[*flags, *SOFTWARE_CARD])
    visit = Visit(with_card, host, path="?gpu")
    visit.bring(photo)
    visit.page.get_by_text("The graphics card computes.").wait_for(timeout=120_000)
    visit.loaded()
    theirs = model.encode(photo)
    assert (tc.Encoding.from_bytes(visit.tokens).tokens == theirs.tokens).mean() >= 0.99
    visit.close()
    with_card.close()


def test_without_a_graphics_card_the_processor_computes(browser, host, photo):
    visit = Visit(browser, host, path="?gpu")
    visit.bring(photo)
    visit.page.get_by_text("so the processor computes").wait_for()
    visit.loaded()
    assert not any("asyncify.wasm" in url for _, url in visit.asked), "what no card can use is not fetched"
    visit.close()


SHOWN = """(number) => {
  const pane = document.querySelectorAll('.pane:not([hidden])')[number];
  return !pane.classList.contains('blank') && pane.querySelector('.pane-score').textContent.includes('dB');
}"""


def test_compare_shows_an_own_photo_in_other_codes(visit, here, photo):
    model, _ = here
    visit.bring(photo)
    visit.loaded()
    page = visit.page
    page.evaluate(f"dial.set({model.info.lengths[-1]})")
    page.locator("#tab-compare").click()
    page.get_by_role("button", name="Fetch it").click()  # the other model, which has a size of its own
    for number in (0, 1):
        page.wait_for_function(SHOWN, arg=number, timeout=60_000)
    second = page.locator(".pane:not([hidden]) select").nth(1)
    assert second.input_value() == "pca"
    options = second.locator("option").all_inner_texts()
    assert [name[:4] for name in options if "browser" in name] == ["WebP", "JPEG"]
    second.select_option("WebP")
    page.wait_for_function(SHOWN, arg=1, timeout=60_000)
    second.select_option("JPEG")  # all tokens of so small a model take 64 bytes
    page.get_by_text("No JPEG file has so few bytes.").wait_for(timeout=60_000)
    page.locator("#tab-measure").click()
    page.get_by_text("it runs on a server alone").wait_for()


# What the linear model shows of a photo at a length, and the files of two codecs, as the worker has them.
BESIDE = """async ([root, data, asked]) => {
  const from = (name) => import(new URL(`page/onnx/${name}.js`, root).href);
  const [{ Model, ALL }, { Engine }, { bytes }] = await Promise.all(
    [from("manifest"), from("engine"), import(new URL("page/tokens.js", root).href)]);
  const model = new Model(await (await fetch(new URL("model/graphs.json", root))).json(), "model/");
  const engine = new Engine(model, new URL(root));
  const ask = async (question) => {
    const got = await engine.ask({ steps: 4, seed: 0, means: [], samples: [], told: [], ...question });
    if (got.error) throw new Error(got.error);
    return got;
  };
  await engine.load(ALL, () => {});
  const other = model.besides.get("pca");
  await engine.load(other.all, () => {}, other);
  const file = new File([bytes(data)], "photo.png");
  const { start } = await ask({ what: "start", from: "upload", file });
  const beside = await ask({ what: "start", from: "beside", model: "pca", token: start.token });
  const frames = [];
  for (const k of asked.lengths) {
    const means = frames.map(([k]) => k);
    const got = await ask({ token: beside.start.token, k, rest: false, beside: true, means });
    frames.push([k, got.frames[0][4]]);
  }
  const files = {};
  for (const of of ["WebP", "JPEG"]) {
    files[of] = [];
    while (files[of].length < asked.sizes.length) {
      const sizes = asked.sizes.slice(files[of].length);
      const { token } = beside.start; // its square is the larger one
      files[of].push(...(await ask({ what: "view", view: "codec", of, sizes, token })).files);
    }
  }
  engine.worker.terminate();
  return { frames, files };
}"""


def test_what_stands_beside_an_own_photo_scores_as_on_a_server(visit, host, photo):
    """The linear model's pictures are Python's; the browser's own encoder is about as good as Pillow's."""
    asked = {"lengths": [4, 64], "sizes": [20, 500, 2000]}
    data = b64encode(photo.read_bytes()).decode()
    found = visit.page.evaluate(BESIDE, [host, data, asked])
    pca = tc.load("pca", "cpu")
    original = tc.square_crop(tc.open_photo(photo), 256)
    encoding = tc.Encoding.from_bytes(pca.encode(original).to_bytes())
    for length, near in found["frames"]:
        assert abs(near - tc.psnr(pca.decode(encoding, length), original)) <= 0.02, length
    for codec, files in found["files"].items():
        best = tc.best_pictures(original, codec, asked["sizes"])
        assert [one is None for one in files] == [size not in best for size in asked["sizes"]], codec
        for size, *_, near, _, _ in filter(None, files):
            assert abs(near - tc.psnr(best[size], original)) <= 0.5, (codec, size)
