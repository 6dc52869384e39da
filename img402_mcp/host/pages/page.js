// Takes images by drop, paste or choice, uploads up to three at once, and shows their links.
// Whatever comes from outside (names, messages, URLs) is set as text or as an attribute, never as markup.

const AT_ONCE = 3;
const COPIED_FOR = 2000; // milliseconds
const UNITS = [["GB", 2 ** 30], ["MB", 2 ** 20], ["KB", 2 ** 10]];

const form = document.getElementById("form");
const files = document.getElementById("files");
const list = document.getElementById("list");
const status = document.getElementById("status");
const copyAll = document.getElementById("copy-all");
const template = document.getElementById("upload");
const maxBytes = Number(form.dataset.maxBytes);
const mediaTypes = files.accept.split(",");
const formats = document.querySelector("#limits + dl dd").textContent;

const waiting = [];
let running = 0;

function size(count) {
  const [unit, scale] = UNITS.find(([, scale]) => count >= scale) ?? ["bytes", 1];
  const exact = `${count.toLocaleString("en")} bytes`;
  return scale === 1 ? exact : `${Number((count / scale).toPrecision(4))} ${unit} (${exact})`;
}

function moment(text) {
  return new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

// The same as the MCP server's: the name without its extension, escaped, and no bare parenthesis in the URL.
function markdown(name, url) {
  const stem = name.replace(/(?<=.)\.[^.]*$/, "").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, " ");
  const alt = [...stem].slice(0, 80).join("").replace(/[\\`*_[\]<>&!|~#]/g, "\\$&");
  return `![${alt}](${url.replaceAll("(", "%28").replaceAll(")", "%29")})`;
}

// What needs no upload to be refused. The server's word is final; a type that the browser does not know is its to tell.
function refusal(file) {
  if (file.type && !mediaTypes.includes(file.type)) {
    return `It is ${file.type}; ${formats} are accepted here.`;
  }
  if (file.size === 0) {
    return "It is empty. Check that it was completely written.";
  }
  if (file.size > maxBytes) {
    return `It has ${size(file.size)}; at most ${size(maxBytes)} are accepted here. Make it smaller: fewer pixels, or WebP.`;
  }
  return null;
}

class Upload {
  constructor(file) {
    this.file = file;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.find("a").textContent = file.name;
    this.find("progress").setAttribute("aria-label", `Upload of ${file.name}`);
    for (const [button, what] of [[".link", "link"], [".markdown", "markdown"]]) {
      this.find(`.copyable:has(${button}) .unseen`).textContent = ` the ${what} of ${file.name}`;
    }
    this.find(".act .unseen").textContent = ` the upload of ${file.name}`;
    this.find(".act").addEventListener("click", () => this.act());
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  show(state, words) {
    this.element.dataset.state = state;
    this.find(".state").textContent = words;
    this.find("progress").hidden = state !== "waiting" && state !== "sending";
    this.find(".act").hidden = state === "refused" || state === "deleted" || (state === "done" && !this.deleteUrl);
    this.find(".act span").textContent = { failed: "Try again", done: "Delete" }[state] ?? "Cancel";
  }

  queue() {
    const reason = refusal(this.file);
    if (reason) {
      this.fail(reason, "refused");
      return;
    }
    this.preview();
    this.show("waiting", "Waiting");
    waiting.push(this);
    startNext();
  }

  preview() {
    const image = this.find("img");
    this.local ??= URL.createObjectURL(this.file);
    image.onload = () => { image.hidden = false; };
    image.onerror = () => { image.hidden = true; };
    image.src = this.local;
  }

  send() {
    const body = new FormData();
    body.append(files.name, this.file);
    this.request = new XMLHttpRequest();
    this.request.responseType = "json";
    this.request.upload.onprogress = (event) => this.progress(event.loaded / event.total);
    this.request.onload = () => this.answered(this.request.status, this.request.response);
    this.request.onerror = () => this.fail("The connection broke off before the server answered.", "failed");
    this.request.onloadend = finished;
    this.progress(0);
    this.request.open("POST", form.action);
    this.request.send(body);
  }

  progress(share) {
    this.find("progress").value = share;
    this.show("sending", share < 1 ? `Uploading, ${Math.floor(share * 100)} %` : "Storing");
  }

  answered(code, answer) {
    if (code === 200 && answer?.url) {
      this.done(answer);
    } else {
      const words = answer?.message ?? `The server answered ${code} and did not say why.`;
      this.fail(words, code === 429 || code >= 500 ? "failed" : "refused");
    }
  }

  done({ url, expiresAt, deleteUrl }) {
    this.deleteUrl = deleteUrl;
    this.show("done", expiresAt ? `Kept until ${moment(expiresAt)}` : "Kept for good");
    this.find("a").href = url;
    this.find(".link").value = url;
    this.find(".markdown").value = markdown(this.file.name, url);
    this.find(".links").hidden = false;
    this.showPublished(url);
    offerAll();
    announce(`${this.file.name} is uploaded. Its link is ready.`);
  }

  async takeDown() {
    if (!confirm(`Delete ${this.file.name}? Its link stops working, for everybody.`)) {
      return;
    }
    // The host may be known here by another name than the one in the answer.
    const path = this.deleteUrl.slice(this.deleteUrl.indexOf("/delete/") + 1);
    const answer = await fetch(new URL(path, document.baseURI), { method: "DELETE" }).catch(() => null);
    if (answer?.ok) {
      this.deleted();
    } else {
      this.find(".state").textContent = "Not deleted: the server did not confirm it. Try again.";
      announce(`${this.file.name} was not deleted.`);
    }
  }

  deleted() {
    this.show("deleted", "Deleted. Its link works no more.");
    this.find(".links").hidden = true;
    this.find("a").removeAttribute("href");
    this.find("img").hidden = true;
    offerAll();
    announce(`${this.file.name} is deleted.`);
    files.focus();
  }

  // The thumbnail is fetched by the link itself: where that fails, the link is useless to others too.
  showPublished(url) {
    const image = this.find("img");
    image.onload = () => { image.hidden = false; URL.revokeObjectURL(this.local); };
    image.onerror = () => {
      this.preview();
      this.find(".state").textContent += ". The link did not open from this browser: does the host's public URL lead here?";
    };
    image.src = url;
  }

  fail(words, state) {
    this.show(state, `Not uploaded. ${words}`);
    announce(`${this.file.name} was not uploaded. ${words}`);
  }

  act() {
    if (this.element.dataset.state === "failed") {
      this.queue();
    } else if (this.element.dataset.state === "done") {
      this.takeDown();
    } else {
      this.cancel();
    }
  }

  cancel() {
    const at = waiting.indexOf(this);
    if (at >= 0) {
      waiting.splice(at, 1);
    }
    this.request?.abort();
    this.element.remove();
    announce(`The upload of ${this.file.name} was cancelled.`);
    files.focus();
  }
}

function take(chosen) {
  const uploads = [...chosen].map((file) => new Upload(file));
  if (uploads.length === 0) {
    return;
  }
  document.getElementById("results").hidden = false;
  list.prepend(...uploads.map((upload) => upload.element));
  uploads.forEach((upload) => upload.queue());
}

function offerAll() {
  copyAll.hidden = list.querySelectorAll("[data-state=done]").length < 2;
}

function startNext() {
  while (running < AT_ONCE && waiting.length > 0) {
    running += 1;
    waiting.shift().send();
  }
}

function finished() {
  running -= 1;
  startNext();
}

function announce(words) {
  status.textContent = words;
}

// The clipboard's own interface exists on https and loopback only; the old way works on a plain intranet too.
async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  if (!copied) {
    throw new Error("refused");
  }
}

async function copyFor(button, text) {
  const face = button.querySelector("span") ?? button;
  const before = button.dataset.says ??= face.textContent;
  try {
    await copy(text);
    face.textContent = "Copied";
    announce("Copied.");
  } catch {
    announce("The browser does not let this page copy. Select the text and copy it yourself.");
    face.textContent = "Not allowed";
  }
  clearTimeout(button.timer);
  button.timer = setTimeout(() => { face.textContent = before; }, COPIED_FOR);
}

function holdsFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}

function dragging(over) {
  document.documentElement.classList.toggle("dragging", over);
}

files.multiple = true; // without this script the form would send several in one request, which takes one
files.addEventListener("change", () => {
  take(files.files);
  files.value = "";
});
form.addEventListener("submit", (event) => event.preventDefault());

document.addEventListener("dragover", (event) => {
  if (holdsFiles(event)) {
    event.preventDefault();
    dragging(true);
  }
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) {
    dragging(false);
  }
});
document.addEventListener("drop", (event) => {
  if (holdsFiles(event)) {
    event.preventDefault();
    dragging(false);
    take(event.dataTransfer.files);
  }
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length > 0) {
    event.preventDefault();
    take(event.clipboardData.files);
  } else {
    announce("The clipboard holds no image.");
  }
});

list.addEventListener("focusin", (event) => event.target.select?.());
document.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy");
  if (button) {
    const source = button.closest(".copyable").querySelector("input, code");
    copyFor(button, source.value ?? source.textContent);
  }
});
copyAll.addEventListener("click", () => {
  const written = [...list.querySelectorAll("[data-state=done] .markdown")];
  copyFor(copyAll, written.map((field) => field.value).join("\n"));
});
