// A picture in a notebook: unpacks its page; the script that all pages share comes with one of them, which is asked.

const { key } = document.body.dataset;
const [own, carried] = ["own", "shared"].map((id) => document.getElementById(id).textContent);
const parser = new DOMParser();
const page = parser.parseFromString(await unpacked(own), "text/html");
let shared = carried;

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function made(name, text, attributes = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...attributes });
}

// The page in the place of this one, its own script before the one that is shared.
async function start() {
  const parts = parser.parseFromString(await unpacked(shared), "text/html");
  const { textContent } = page.querySelector('script[type="module"]');
  document.head.replaceChildren(page.querySelector("title"), made("style", parts.querySelector("style").textContent));
  document.body = page.body;
  const script = textContent + parts.querySelector("script").textContent;
  document.body.append(made("script", script, { type: "module" }));
}

// The picture as it was drawn, which stands under this frame too.
function wait(words) {
  document.body.replaceChildren(page.querySelector("figure svg").cloneNode(true), made("p", words));
}

// Frames see nothing of each other, but may send messages: whoever has the script sends it.
function ask(milliseconds) {
  if (shared) return;
  for (let i = 0; i < parent.length; i++) {
    if (parent[i] !== window) parent[i].postMessage({ microgradcnn: key }, "*");
  }
  if (milliseconds > 1000) {
    wait("The script of this page is in another picture of the notebook. Run the cells again from the first picture.");
  }
  setTimeout(ask, milliseconds, Math.min(2 * milliseconds, 4000));
}

addEventListener("message", ({ data, source }) => {
  if (data?.microgradcnn !== key) return;
  const asking = /** @type {Window} */ (source);
  if (shared && !data.shared) asking.postMessage({ microgradcnn: key, shared }, "*");
  if (shared || !data.shared) return;
  shared = data.shared;
  start();
});

if (shared) start();
else {
  wait("");
  ask(50);
}
