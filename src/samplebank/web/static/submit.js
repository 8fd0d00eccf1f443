// Sends files, each in a request of its own. Each file has a key, so that a repeat after a lost answer stores nothing twice.

import { ofBrowser, recall, remember } from "./app.js";

const AT_ONCE = 4;
const TRIES = 5;
const SHOWN = 50; // lines of the list
const HASHED = 32 * 1024 * 1024; // bytes of the largest file that is hashed before: the browser reads the file into memory
const STEP = 1024 * 1024; // bytes that are read at once to tell files of one name apart
const ASKED = 20; // files that are asked about together
const PATIENCE = 5000; // milliseconds for which files wait for the answer
const PAUSES = [1000, 2000, 5000, 15_000]; // milliseconds before a broken request is sent again
const LONGEST = 120_000; // milliseconds that a file waits at most: who is told to come in an hour is told why
const AWAY = "A proxy did not reach the service.";
const DROP = "Drop the file again.";
/** Refusals of servers and proxies that give no reason. */
const REASONS = {
    401: "Your session has ended: load the page again, sign in, and drop the file again.",
    413: "The file is larger than the service, or a proxy before the service, takes.",
    414: "The metadata are too long to travel with a file: write less, and drop the file again.",
    502: AWAY,
    504: AWAY,
};
const EMPTY = "The file is empty: there is nothing to analyse.";
const SETTINGS = "samplebank.submit";

/**
 * @typedef {{file: File, path: string, named: string, id: string, query: string, state: string, sent: number, tries: number, said: string,
 *            known: string, request: XMLHttpRequest | null}} Item
 * States: unseen, waiting, sending, stored, same, refused, cancelled. What the service knows of an unseen file is asked first.
 */

const form = /** @type {HTMLFormElement} */ (document.getElementById("submit"));
const batch = form.dataset.batch;
const BATCHES = "samplebank.batch.";
const memory = `${BATCHES}${batch}`;
const fields = form.elements;
const list = document.querySelector(".sending tbody");
/** @type {Item[]} */
const items = [];
/** @type {Map<string, {path: string, size: number, isStored: boolean}>} files of this batch, before a reload too */
const known = new Map();
/** Browsers hash over TLS and on this machine only. Elsewhere the list of sent files says what was known. */
const canAsk = Boolean(form.dataset.known && globalThis.crypto?.subtle);
let isPaused = false;
let isAsking = false;
let passed = 0; // files that were chosen again, with what has been said of them before
/** @type {{file: File, path: string}[]} files that wait for a click */
let offered = [];

const part = (id) => document.getElementById(id);
const isOpen = (item) => ["unseen", "waiting", "sending"].includes(item.state);
const inState = (...states) => items.filter((item) => states.includes(item.state));

/** Texts of strangers: what cannot be seen is shown by its number. */
const plain = (text) =>
    text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (one) => `⟦U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟧`);

function size(bytes) {
    const step = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
    const amount = bytes / 1000 ** step;
    return `${step && amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${["B", "kB", "MB", "GB", "TB"][step]}`;
}

/** 53 bits of a text, or of bytes as a text: enough to tell the files of a batch apart. */
function shortHash(text) {
    let a = 0xdeadbeef;
    let b = 0x41c6ce57;
    for (const one of text) {
        a = Math.imul(a ^ one.codePointAt(0), 2654435761);
        b = Math.imul(b ^ one.codePointAt(0), 1597334677);
    }
    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
    return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36);
}

/** The pairs of the metadata; null where a line is no pair. */
function pairs() {
    const found = new Map();
    for (const line of fields.meta.value.split("\n").map((one) => one.trim()).filter(Boolean)) {
        const at = line.indexOf("=");
        const key = line.slice(0, at).trim();
        if (at < 1 || !key || found.has(key)) {
            fields.meta.setCustomValidity(`Write key=value, one pair a line, each key once: ${line}`);
            return null;
        }
        if (key === "batch") {
            fields.meta.setCustomValidity("The key batch is the service's own: the id of the files that are sent together. Choose another key.");
            return null;
        }
        found.set(key, line.slice(at + 1).trim());
    }
    fields.meta.setCustomValidity("");
    return found;
}

/** What is said of each file, as the query of its request without its name; null where the form has a mistake. */
function said() {
    const meta = pairs();
    if (!form.checkValidity() || !meta) {
        form.reportValidity();
        return null;
    }
    meta.set("batch", batch);
    const query = new URLSearchParams({ customer: fields.customer.value, tlp: fields.tlp.value });
    query.set("userAgent.name", form.dataset.agent);
    if (fields.retention.value) query.set("retention", `now + ${fields.retention.value}`);
    for (const [key, value] of meta) query.set(`meta.${key}`, value);
    return query.toString();
}

/** A short hash of the bytes of a file; empty where the file cannot be read any more, which sending tells. */
async function hashOfBytes(file) {
    let hash = "";
    try {
        for (let at = 0; at < file.size; at += STEP) {
            // in this encoding each byte is a character of its own
            hash = shortHash(hash + new TextDecoder("latin1").decode(await file.slice(at, at + STEP).arrayBuffer()));
        }
    } catch {
        return "";
    }
    return hash;
}

/** The files with their ids. Files of one path, size and time are told apart by their bytes: in a drop, and from those before a small drop. */
async function identify(files, query) {
    const wanted = files.map((one) => ({ ...one, named: shortHash(`${one.path}\n${one.file.size}\n${one.file.lastModified}\n${query}`) }));
    const before = Map.groupBy(items, (item) => item.named);
    const now = Map.groupBy(wanted, (one) => one.named);
    const isSmall = files.reduce((sum, { file }) => sum + file.size, 0) <= HASHED;
    for (const one of wanted) {
        const twins = (isSmall && before.get(one.named)) || [];
        one.id = one.named;
        if (!twins.length && now.get(one.named).length < 2) continue;
        const hash = await hashOfBytes(one.file);
        one.id += hash;
        for (const twin of twins) if ((await hashOfBytes(twin.file)) === hash) one.id = twin.id;
    }
    return wanted;
}

/** Add files to what is sent. Files that have been sent with the same customer, TLP and metadata are passed over. */
async function add(files) {
    if (!files.length) return;
    const query = said();
    if (query === null) return;
    keepSettings();
    const identified = await identify(files, query);
    const open = new Set(items.filter(isOpen).map((item) => item.id));
    const unsent = new Map([...known].filter(([id, one]) => !one.isStored && !open.has(id)).map(([id, one]) => [`${one.path}\n${one.size}`, id]));
    passed = 0;
    for (const { file, path, named, id } of identified) {
        if (known.get(id)?.isStored || open.has(id)) {
            passed += 1;
            continue;
        }
        open.add(id);
        // a file that was to be sent with other words is not missing any more
        known.delete(unsent.get(`${path}\n${file.size}`));
        if (file.size) known.set(id, { path, size: file.size, isStored: false });
        const state = !file.size ? "refused" : canAsk ? "unseen" : "waiting";
        items.push({ file, path, named, id, query, state, sent: 0, tries: 0, said: file.size ? "" : EMPTY, known: "", request: null });
    }
    keep();
    const root = document.documentElement.dataset.root;
    history.replaceState(null, "", `${root}submit?batch=${batch}`);
    part("link").href = `${root}batch/${batch}`;
    show();
    next();
}

function keep() {
    remember(memory, [...known], ofBrowser);
}

/** Files in folders, with their paths. */
async function* within(entry) {
    if (entry instanceof File) {
        yield { file: entry, path: entry.name };
        return;
    }
    if (entry.isFile) {
        const file = await new Promise((done) => entry.file(done, () => done(null)));
        if (file) yield { file, path: entry.fullPath.replace(/^\//, "") };
        return;
    }
    const reader = entry.createReader();
    for (;;) {
        const some = await new Promise((done) => reader.readEntries(done, () => done([])));
        if (!some.length) return;
        for (const one of some) yield* within(one);
    }
}

async function filesOf(entries) {
    const files = [];
    for (const entry of entries) for await (const one of within(entry)) files.push(one);
    return files;
}

/** Send what was dropped on the form. */
export async function addEntries(entries) {
    add(await filesOf(entries));
}

/** Offer what was dropped on another page: there nobody could see for whom, and with which TLP, files are sent. */
export async function offerEntries(entries) {
    offered = await filesOf(entries);
    part("send").textContent = `Send ${offered.length} ${offered.length === 1 ? "file" : "files"}`;
    part("send").focus();
}

function next() {
    if (isPaused || document.documentElement.dataset.other) return;
    for (const item of inState("waiting").slice(0, Math.max(0, AT_ONCE - inState("sending").length))) send(item);
    if (!isAsking && inState("waiting").length < AT_ONCE) ask(inState("unseen").slice(0, ASKED));
}

/** Ask what the service knows of some files, then let them be sent. Without an answer they are sent all the same. */
async function ask(some) {
    if (!some.length) return;
    isAsking = true;
    try {
        await tellKnown(some);
    } catch {
        // nothing is said of what is known
    }
    isAsking = false;
    for (const item of some) if (item.state === "unseen") item.state = "waiting";
    show();
    next();
}

async function tellKnown(some) {
    const digests = new Map();
    for (const item of some) if (item.file.size <= HASHED) digests.set(item, await sha256(item.file));
    const query = new URLSearchParams([...digests.values()].filter(Boolean).map((digest) => ["sha256", digest]));
    const answer = await fetch(`${form.dataset.known}?${query}`, { redirect: "error", signal: AbortSignal.timeout(PATIENCE) });
    const told = answer.ok ? await answer.json() : {};
    for (const [item, digest] of digests) item.known = told[digest] ?? "";
}

/** The SHA-256 of a file in hex; empty where the file cannot be read any more, which sending tells. */
async function sha256(file) {
    try {
        const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
        return [...new Uint8Array(digest)].map((one) => one.toString(16).padStart(2, "0")).join("");
    } catch {
        return "";
    }
}

/** @param {Item} item */
function send(item) {
    item.state = "sending";
    item.tries += 1;
    const request = (item.request = new XMLHttpRequest());
    const query = new URLSearchParams(item.query);
    query.set("fileName", item.file.name);
    if (item.file.type) query.set("mimeType", item.file.type);
    request.open("POST", `${form.dataset.url}?${query}`);
    request.setRequestHeader("Idempotency-Key", `${batch}/${item.id}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => {
        item.sent = event.loaded;
        show();
    });
    request.addEventListener("load", () => answered(item, request));
    request.addEventListener("error", () => again(item, PAUSES[item.tries - 1], "The connection broke.", DROP));
    request.send(item.file);
    show();
}

/** @param {Item} item */
function answered(item, request) {
    if (request.status === 201 || request.status === 220) {
        item.state = request.status === 201 ? "stored" : "same";
        item.sent = item.file.size;
        known.set(item.id, { path: item.path, size: item.file.size, isStored: true });
        keep();
        part("link").hidden = false;
        document.dispatchEvent(new Event("refresh"));
    } else if (request.status === 429 || request.status === 503) {
        again(item, 1000 * (Number(request.getResponseHeader("Retry-After")) || 5), words(request));
        return;
    } else if (request.status === 502 || request.status === 504) {
        again(item, PAUSES[item.tries - 1], words(request), DROP); // as a broken connection: the service may be about to start
        return;
    } else {
        item.state = "refused";
        item.said = words(request);
    }
    over(item);
}

/** Send a file again after a while, unless it has been tried often, or the while is long. What is said may need a remedy then. */
function again(item, wait, said, remedy = "") {
    item.sent = 0;
    item.request = null;
    if (item.tries >= TRIES || wait > LONGEST) {
        item.state = "refused";
        item.said = `${said} ${remedy}`;
        over(item);
        return;
    }
    item.said = `sent again in ${Math.ceil(wait / 1000)} s: ${said}`;
    setTimeout(() => {
        if (item.state === "sending") item.state = "waiting";
        next();
    }, wait);
    show();
}

function over(item) {
    item.request = null;
    show();
    next();
}

/** What a refusal says, in words. */
function words(request) {
    try {
        return JSON.parse(request.responseText).messages.map((one) => one.message).join(" ");
    } catch {
        return REASONS[request.status] ?? `The service answered ${request.status}. Load the page again, and drop the file again.`;
    }
}

let isDrawing = false;

/** Draw the list and the sum, once a frame at most. */
function show() {
    if (isDrawing) return;
    isDrawing = true;
    requestAnimationFrame(() => {
        isDrawing = false;
        draw();
    });
}

function draw() {
    const all = items.reduce((sum, item) => sum + item.file.size, 0);
    const sent = items.reduce((sum, item) => sum + (isOpen(item) ? Math.min(item.sent, item.file.size) : item.file.size), 0);
    const told = items.length ? [`${items.length} ${items.length === 1 ? "file" : "files"} · ${size(all)}`] : [];
    const counts = { stored: "stored", same: "sent a moment ago already", refused: "refused", cancelled: "cancelled" };
    for (const [state, word] of Object.entries(counts)) {
        const number = inState(state).length;
        if (number) told.push(`${number} ${word}`);
    }
    const left = items.filter(isOpen).length;
    const seen = items.filter((item) => item.known).length;
    if (seen) told.push(`${seen} known`);
    if (items.length) told.push(left ? `${left} to go${isPaused ? ", paused" : ""}` : "nothing left to send");
    if (passed) told.push(`${passed} passed over: sent before, with the same customer, TLP and metadata`);
    const here = new Set(inState("unseen", "waiting", "sending", "refused").map((item) => item.id));
    const missing = [...known].filter(([id, one]) => !one.isStored && !here.has(id)).length;
    if (missing) told.push(`${missing} of before: drop them again to send them`);
    part("sending").hidden = false;
    part("progress").value = all ? sent / all : 1;
    part("summary").textContent = told.join(" · ");
    part("pause").textContent = isPaused ? "Go on" : "Pause";
    part("pause").disabled = part("cancel").disabled = !left;
    list.replaceChildren(...inState("refused", "sending", "waiting", "unseen").slice(0, SHOWN).map(line));
}

function line(item) {
    const row = document.createElement("tr");
    const percent = item.file.size ? Math.round((100 * item.sent) / item.file.size) : 0;
    const state = { refused: item.said, sending: item.request ? `${percent} %` : item.said }[item.state] ?? "waiting";
    for (const text of [item.path, size(item.file.size), state, item.known]) {
        const cell = document.createElement("td");
        const apart = document.createElement("bdi");
        apart.textContent = plain(text);
        cell.append(apart);
        row.append(cell);
    }
    row.classList.toggle("failed", item.state === "refused");
    return row;
}

/** What is there already of a batch that goes on after a reload. */
function resume() {
    const before = recall(memory, ofBrowser);
    if (!Array.isArray(before)) return;
    for (const [id, file] of before) known.set(id, file);
    if ([...known.values()].some((file) => !file.isStored)) show();
}

/** Forget other batches of which nothing is missing. The room of the browser is small, and a full room keeps no later batch. */
function forget() {
    try {
        for (const name of Object.keys(ofBrowser())) {
            if (!name.startsWith(BATCHES) || name === memory) continue;
            const files = recall(name, ofBrowser);
            if (!Array.isArray(files) || files.every(([, file]) => file.isStored)) ofBrowser().removeItem(name);
        }
    } catch {
        // the browser keeps nothing
    }
}

function restoreSettings() {
    const kept = recall(SETTINGS, ofBrowser) ?? {};
    for (const name of ["customer", "tlp", "retention", "meta"]) {
        const field = fields[name];
        if (typeof kept[name] !== "string") continue;
        const isOffered = !(field instanceof HTMLSelectElement) || [...field.options].some((one) => one.value === kept[name]);
        if (isOffered) field.value = kept[name];
    }
}

/** Remembered when files are sent, too: who types and then drops files has not left the field. */
function keepSettings() {
    remember(
        SETTINGS,
        Object.fromEntries(["customer", "tlp", "retention", "meta"].map((name) => [name, fields[name].value])),
        ofBrowser,
    );
}

form.addEventListener("change", () => {
    pairs();
    keepSettings();
});
form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = [...fields.file.files, ...part("folder").files];
    add([...offered, ...chosen.map((file) => ({ file, path: file.webkitRelativePath || file.name }))]);
    if (!form.checkValidity()) return;
    offered = [];
    part("send").textContent = "Send";
    fields.file.value = part("folder").value = "";
});
part("pause").addEventListener("click", () => {
    isPaused = !isPaused;
    show();
    next();
});
part("cancel").addEventListener("click", () => {
    for (const item of items.filter(isOpen)) {
        item.state = "cancelled";
        item.request?.abort();
    }
    show();
});
addEventListener("beforeunload", (event) => {
    if (items.some(isOpen)) event.preventDefault();
});
for (const one of form.querySelectorAll(".scripted")) one.hidden = false;
restoreSettings();
forget();
resume();
