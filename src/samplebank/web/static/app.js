// What every page does with scripts. Without scripts all pages work: everything here is a shortcut to a link or a form.

const COPIED = 1200; // milliseconds for which a copied value is marked

/** The way from the page to the first page. */
const root = () => document.documentElement.dataset.root;

function isTyping(target) {
    return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Copy a text, also where browsers hide the clipboard from scripts, as over plain HTTP, or keep the clipboard closed. */
export async function copy(text) {
    try {
        await navigator.clipboard.writeText(text);
        return;
    } catch {
        // the old way, below
    }
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
}

document.addEventListener("click", async (event) => {
    const target = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    if (!target || target.closest("a")) return;
    await copy(target.dataset.copy || target.textContent.trim());
    target.classList.add("copied");
    setTimeout(() => target.classList.remove("copied"), COPIED);
});

// The look changes in place: a page that answers a form, and what was typed, would be lost by going to a page.
document.querySelector("form.look")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const chosen = event.submitter;
    const body = new URLSearchParams(new FormData(form, chosen));
    await fetch(form.action, { method: "POST", body, redirect: "manual" });
    if (chosen.value) document.documentElement.dataset.theme = chosen.value;
    else delete document.documentElement.dataset.theme;
    document.querySelector('meta[name="color-scheme"]').content = chosen.value || "light dark";
    for (const one of form.elements) if (one.name === "theme") one.setAttribute("aria-pressed", `${one === chosen}`);
});

// What was typed into a form that was refused, or sent after the session had ended, comes back when the form is shown again.

const TYPED = "samplebank-typed";

function keepTyped(kept) {
    try {
        if (kept) sessionStorage.setItem(TYPED, JSON.stringify(kept));
        else sessionStorage.removeItem(TYPED);
    } catch {
        // too long to be kept, or forbidden: the way back of the browser remains
    }
}

document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    const fields = [...form.querySelectorAll('textarea[name], input[name]:not([type], [autocomplete="off"])')];
    const typed = fields.filter((one) => one.value).map((one) => [one.name, one.value]);
    if (typed.length) keepTyped({ action: form.action, typed, isRefused: false });
});

function keptTyped() {
    try {
        return JSON.parse(sessionStorage.getItem(TYPED) ?? "null");
    } catch {
        return null; // forbidden
    }
}

/** Fill what was typed into the form that is shown again. A page that is no refusal says that the form was taken. */
function restoreTyped() {
    const kept = keptTyped();
    if (!kept) return;
    if (document.querySelector("[data-refused]")) {
        keepTyped({ ...kept, isRefused: true });
        return;
    }
    const form = [...document.forms].find((one) => one.method === "post" && one.action === kept.action);
    if (kept.isRefused && !form) return;
    keepTyped(null);
    if (!kept.isRefused) return;
    for (const [name, value] of kept.typed) {
        const field = form.querySelector(`textarea[name="${CSS.escape(name)}"], input[name="${CSS.escape(name)}"]`);
        if (field && !field.value) field.value = value;
    }
}

restoreTyped();

/** Ask for a page. A redirect is not followed: the redirect to the sign-in page says that the session has ended. */
const ask = (url) => fetch(url, { headers: { Accept: "text/html" }, redirect: "manual" });

const read = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");

/** Fetch another page. Its links lead to where they lead on that page. */
export async function load(href) {
    const url = new URL(href, location.href);
    const answer = await ask(url);
    if (!answer.ok) throw new Error(`${answer.status}`);
    const page = await read(answer);
    for (const link of page.querySelectorAll("[href]")) link.setAttribute("href", new URL(link.getAttribute("href"), url).href);
    return page;
}

/** Put in a part of another page: `data-part` is the address of the page, and behind `#` the id of the part. */
async function putIn(place) {
    const page = await load(place.dataset.part);
    const part = page.querySelector(new URL(place.dataset.part, location.href).hash);
    if (part) place.replaceChildren(document.importNode(part, true));
}

for (const place of document.querySelectorAll("[data-part]")) putIn(place).catch(() => {}); // without the part the page works, too

document.documentElement.classList.add("scripts"); // shows what works with scripts only

const listed = () => [...document.querySelectorAll("tr[data-row]")];
const markedRow = () => document.querySelector("tr[data-row].selected");

/** Rows of lists are gone through with j and k, and opened with Enter. */
function move(step) {
    const rows = listed();
    if (rows.length) mark(rows[Math.min(rows.length - 1, Math.max(0, rows.indexOf(markedRow()) + step))]);
}

function mark(row) {
    markedRow()?.classList.remove("selected");
    row.classList.add("selected");
    row.querySelector("a")?.focus();
    row.scrollIntoView({ block: "nearest" });
    showBar();
}

let lastChosen = null; // the row that was selected last, from which a range goes on

/** Select the marked row, or all rows from the last selected row to the marked row. */
function choose(isRange) {
    const row = markedRow();
    const rows = listed();
    const box = (one) => one?.querySelector("input[type=checkbox]");
    if (!box(row)) return;
    if (isRange && rows.includes(lastChosen)) {
        const [from, to] = [rows.indexOf(lastChosen), rows.indexOf(row)].sort((a, b) => a - b);
        for (const one of rows.slice(from, to + 1)) if (box(one)) box(one).checked = true;
    } else box(row).click();
    lastChosen = row;
}

// The sample that was selected last in a list is kept for the tab: the form that compares begins with the sample.
const SELECTED = "samplebank-selected";

document.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLInputElement && target.name === "sha256" && target.checked && target.closest("tr[data-row]")) {
        sessionStorage.setItem(SELECTED, target.value);
    }
});

for (const field of document.querySelectorAll("input[data-selected]")) {
    const selected = sessionStorage.getItem(SELECTED) ?? "";
    if (/^[0-9a-f]{64}$/.test(selected) && selected !== field.dataset.selected) field.value = selected;
}

/** The value that the menu is about: what has the focus, or else the sample of the marked row. */
function focusedValue() {
    return document.activeElement?.closest("[data-term]") ?? markedRow()?.querySelector("[data-term]");
}

/** What can be done with the marked row or the focused value, as buttons, each with its key. */
const ROW_KEYS = [
    ["j", "next", () => move(1)],
    ["k", "previous", () => move(-1)],
    ["Enter", "open", () => markedRow()?.querySelector("a")?.click()],
    ["Space", "peek", () => more("peek", markedRow()?.querySelector("a"))],
    ["x", "select", () => choose(false)],
    ["Shift+x", "select up to here", () => choose(true)],
    ["c", "copy hash", () => markedRow()?.querySelector("[data-copy]")?.click()],
    [".", "menu", () => more("menu", focusedValue())],
];

async function more(name, element) {
    if (element && !document.querySelector("dialog[open]")) (await import("./keys.js"))[name](element);
}

/** Show the buttons of the marked row and the focused value, as far as each has something to act on. */
function showBar() {
    const row = markedRow();
    const fits = {
        c: row?.querySelector("[data-copy]"), x: row?.querySelector("input[type=checkbox]"), ".": focusedValue(),
    };
    fits["Shift+x"] = fits.x;
    const shown = ROW_KEYS.filter(([key]) => (key in fits ? fits[key] : row));
    let bar = document.querySelector(".keys-bar");
    if (!shown.length) {
        bar?.remove();
        return;
    }
    if (!bar) {
        bar = document.createElement("div");
        bar.className = "keys-bar";
        bar.setAttribute("role", "toolbar");
        bar.setAttribute("aria-label", "What can be done here");
        // a click leaves the focus on the value that the button is about
        bar.addEventListener("mousedown", (event) => event.preventDefault());
        document.querySelector("main").append(bar);
    }
    if (bar.dataset.keys === shown.map(([key]) => key).join()) return;
    bar.dataset.keys = shown.map(([key]) => key).join();
    bar.replaceChildren(...shown.map(([key, word, act]) => {
        const button = document.createElement("button");
        const name = document.createElement("kbd");
        name.textContent = key;
        button.type = "button";
        button.append(`${word} `, name);
        button.addEventListener("click", act);
        return button;
    }));
}

document.addEventListener("focusin", showBar);

// Times are shown as they are spoken, or absolute. Each time has the other spelling as its title. The tab keeps the choice.
const TIMES = "samplebank-times";
const isAbsolute = () => sessionStorage.getItem(TIMES) === "absolute";

function swapTimes(page) {
    for (const time of page.querySelectorAll("time[title]")) [time.textContent, time.title] = [time.title, time.textContent];
}

// Spoken times grow old while a page is open. The clock of the service counts, as clocks of visitors differ.
const TICK = 10_000; // milliseconds between two looks at the clock
const SPANS = [[365 * 86_400, "y"], [86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]]; // seconds
const ahead = Date.now() - Number(document.documentElement.dataset.now);

function spoken(time, now) {
    const seconds = Math.floor(Math.abs(now - time) / 1000);
    if (!seconds) return "now";
    const [length, unit] = SPANS.find(([length]) => seconds >= length);
    const span = `${Math.floor(seconds / length)} ${unit}`;
    return time <= now ? `${span} ago` : `in ${span}`;
}

function tick() {
    if (document.hidden) return;
    for (const time of document.querySelectorAll("time[title]")) {
        time[isAbsolute() ? "title" : "textContent"] = spoken(Date.parse(time.dateTime), Date.now() - ahead);
    }
}
setInterval(tick, TICK);
document.addEventListener("visibilitychange", tick);

if (isAbsolute()) swapTimes(document);
for (const button of document.querySelectorAll("[data-times]")) {
    button.hidden = !document.querySelector("time[title]");
    button.addEventListener("click", () => {
        sessionStorage.setItem(TIMES, isAbsolute() ? "spoken" : "absolute");
        swapTimes(document);
    });
}
document.addEventListener("click", (event) => {
    const row = event.target instanceof Element && event.target.closest("tr[data-row]");
    if (row && !event.target.closest("a, button, input, [data-copy]")) mark(row);
});

/** Put the cursor where an opened part wants a text. */
const focusIn = (opened) => opened?.querySelector("[data-opened]")?.focus();

// What somebody opens to type something is typed at once.
document.addEventListener("toggle", ({ target }) => {
    if (target instanceof HTMLDetailsElement && target.open) focusIn(target);
}, true);

/** A verdict by hand is chosen by its key, and set with Enter behind the reason. */
function chooseVerdict(button) {
    const reason = button.form.elements.comment;
    for (const one of button.form.querySelectorAll("button")) one.classList.toggle("chosen", one === button);
    reason.focus();
}

document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
    const chosen = event.target.form?.querySelector("button.chosen");
    if (!chosen) return;
    event.preventDefault();
    event.target.form.requestSubmit(chosen);
});

/** Completion is loaded for the first box of a query that somebody goes to; what was typed meanwhile is completed, too. */
document.addEventListener("focusin", async (event) => {
    if (!(event.target instanceof HTMLInputElement) || !event.target.dataset.complete) return;
    const typed = event.target.value;
    await import("./query.js");
    if (event.target.value !== typed) event.target.dispatchEvent(new Event("input"));
});

/** Show the list of all keys, or the palette. */
async function show(name) {
    if (!document.querySelector("dialog[open]")) (await import("./keys.js"))[name]();
}

for (const button of document.querySelectorAll("[data-opens]")) {
    button.hidden = false;
    button.addEventListener("click", () => show(button.dataset.opens));
}

let first = ""; // the key that was pressed before, where two keys belong together, as in `g t`

document.addEventListener("keydown", (event) => {
    if (event.key === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
        event.preventDefault();
        show("palette");
        return;
    }
    if (document.querySelector("dialog[open]") || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    const own = { " ": "Space", X: "Shift+x" }[event.key] ?? event.key;
    // a space opens and presses what has the focus, but for a link
    if (own === "Space" && event.target instanceof Element && event.target.closest("button, summary")) return;
    const find = (key) => document.querySelector(`[data-key="${CSS.escape(key)}"]:not([hidden])`);
    const second = first && find(`${first} ${own}`);
    const marked = second || find(own);
    first = document.querySelector(`[data-key^="${CSS.escape(own)} "]`) ? own : "";
    const act = ROW_KEYS.find(([key]) => key === own && key !== "Enter")?.[2];
    if (act && !second && (own === "j" || own === "k" || own === "." || markedRow())) {
        if (own === "Space") event.preventDefault();
        act();
    } else if (marked instanceof HTMLElement) {
        event.preventDefault();
        if (isTyping(marked)) marked.focus();
        else if (marked.hasAttribute("data-chosen")) chooseVerdict(marked);
        else {
            marked.click();
            // the event `toggle` comes later, and what is typed at once would be lost
            if (marked.matches("summary")) focusIn(marked.closest("details[open]"));
        }
    }
});

// The list that somebody opens a sample from is kept for the tab, and the page of the sample leads to the neighbours in the list.

const LIST = "samplebank-list";
const SAMPLE = /sample\/([0-9a-f]{64})$/;

document.addEventListener("click", (event) => {
    const row = event.target instanceof Element && event.target.closest("a")?.closest("tr[data-row]");
    if (!row) return;
    const links = [...row.closest("table").querySelectorAll("tr[data-row] a")];
    const samples = links.map((link) => SAMPLE.exec(link.getAttribute("href"))?.[1]).filter(Boolean);
    sessionStorage.setItem(LIST, JSON.stringify({ from: location.href, samples: [...new Set(samples)] }));
});

/** Fill the line of the neighbours, if the sample is in the list. */
function showNeighbours(place) {
    const { from, samples } = JSON.parse(sessionStorage.getItem(LIST) ?? '{"samples": []}');
    const at = samples.indexOf(place.dataset.sample);
    if (at < 0 || samples.length < 2) return;
    const link = (href, text, key) => {
        const made = document.createElement("a");
        Object.assign(made, { href, textContent: text });
        if (key) made.dataset.key = key;
        return made;
    };
    const to = (sample) => `${root()}sample/${sample}`;
    if (at) place.append(link(to(samples[at - 1]), "← previous", "["));
    place.append(link(from, `${at + 1} of ${samples.length} in the list`));
    if (at + 1 < samples.length) place.append(link(to(samples[at + 1]), "next →", "]"));
    place.hidden = false;
}

for (const place of document.querySelectorAll("[data-sample]")) showNeighbours(place);

// Live parts: elements with data-live="topic". One stream of a visible tab says which topics have changed. Then the page
// is fetched again, and what differs is put in. In a list (data-list) rows stay where they are, and new rows are counted.

const LOOK = 15_000; // milliseconds after which a page with something under way is fetched again, should a message be lost
const REST = 500; // milliseconds between two fetches, unless a part asks for more: data-rest
const SETTLED = 700; // milliseconds after which somebody reads a page

/** @returns {HTMLElement[]} */
const liveParts = () => [...document.querySelectorAll("[data-live][id]")];
let stream = null;
let isFetching = false;
let isDue = false;
let followed = "";
let hasEnded = false;
let isPaused = false;
const topics = () => [...new Set(liveParts().map((part) => part.dataset.live))];

/** Make `old` like `fresh`, in place, so that focus, selection and open details stay. */
function morph(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
        old.replaceWith(document.importNode(fresh, true));
        return;
    }
    if (!(old instanceof Element)) {
        old.nodeValue = fresh.nodeValue;
        return;
    }
    for (const { name } of [...old.attributes]) {
        if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const children = [...old.childNodes];
    const wanted = [...fresh.childNodes];
    // rows that have gone or come in between: rows are told apart by their ids
    const byId = new Map([...old.children].filter((one) => one.id).map((one) => [one.id, one]));
    if (byId.size) {
        let place = old.firstChild;
        const kept = new Set();
        for (const one of wanted) {
            const known = byId.get(one.id ?? "");
            const next = known ?? document.importNode(one, true);
            if (next === place) place = place.nextSibling;
            else old.insertBefore(next, place);
            kept.add(next);
            if (known) morph(known, one);
        }
        for (const one of [...old.childNodes]) if (!kept.has(one)) one.remove();
        return;
    }
    wanted.forEach((one, at) => {
        if (children[at]) morph(children[at], one);
        else old.append(document.importNode(one, true));
    });
    children.slice(wanted.length).forEach((one) => one.remove());
}

/** Update the rows of a list that are shown, and say how many are new. */
function mergeRows(part, fresh) {
    const rows = new Map([...fresh.querySelectorAll("tr[id]")].map((row) => [row.id, row]));
    for (const row of part.querySelectorAll("tr[id]")) {
        const now = rows.get(row.id);
        row.classList.toggle("gone", !now);
        if (now) {
            now.classList.toggle("selected", row.classList.contains("selected"));
            morph(row, now);
        }
        rows.delete(row.id);
    }
    part.toggleAttribute("data-open", fresh.hasAttribute("data-open"));
    part.querySelector(".news")?.remove();
    if (!rows.size || new URLSearchParams(location.search).has("after")) return;
    const link = document.createElement("a");
    link.className = "news";
    link.href = location.href;
    link.setAttribute("role", "status");
    link.textContent = `${rows.size} new ↑`;
    part.prepend(link);
}

/** Fetch the page again, and put in what differs. */
async function refresh() {
    if (isPaused) return;
    if (isFetching) {
        isDue = true;
        return;
    }
    isFetching = true;
    isDue = false;
    try {
        const answer = await ask(location.href);
        if (answer.ok) {
            const page = await read(answer);
            if (isAbsolute()) swapTimes(page);
            for (const part of liveParts()) {
                const fresh = page.getElementById(part.id);
                if (!fresh) continue;
                if ("list" in part.dataset) mergeRows(part, fresh);
                else morph(part, fresh);
            }
            if (stream && topics().join() !== followed) follow();
        } else if (answer.type === "opaqueredirect") {
            // the session has ended: nothing is shown any more without signing in
            unfollow();
            hasEnded = true;
        }
    } catch {
        // the service is away: the next look tells
    }
    setTimeout(() => {
        isFetching = false;
        if (isDue) refresh();
    }, Math.max(REST, ...liveParts().map((part) => Number(part.dataset.rest ?? 0))));
}

function unfollow() {
    stream?.close();
    stream = null;
}

/** Listen for changes of what the page shows. */
function follow() {
    unfollow();
    const wanted = topics();
    followed = wanted.join();
    if (!wanted.length || document.hidden || hasEnded || isPaused) return;
    const query = wanted.map((topic) => `on=${encodeURIComponent(topic)}`).join("&");
    stream = new EventSource(`${root()}live?${query}`);
    for (const topic of wanted) stream.addEventListener(topic, refresh);
    // what has changed while nobody listened
    stream.addEventListener("open", () => {
        if (document.querySelector("[data-open]")) refresh();
    });
}

document.addEventListener("visibilitychange", () => {
    if (document.hidden) unfollow();
    else {
        follow();
        if (liveParts().length) refresh();
    }
});
document.addEventListener("refresh", refresh);

// A page that changes by itself can be held.
for (const button of document.querySelectorAll("[data-pauses]")) {
    button.hidden = !liveParts().length;
    button.addEventListener("click", () => {
        isPaused = !isPaused;
        button.setAttribute("aria-pressed", `${isPaused}`);
        if (isPaused) {
            unfollow();
            return;
        }
        follow();
        refresh();
    });
}
addEventListener("pagehide", unfollow);
// Who goes quickly from page to page needs no streams.
addEventListener("pageshow", () => setTimeout(follow, SETTLED));
setInterval(() => {
    if (!document.hidden && !hasEnded && document.querySelector("[data-live][data-open]")) refresh();
}, LOOK);

// Files that are dropped on any page are submitted. Files cannot go to another page, so the page of the form comes to the files.

const hasFiles = (event) => event.dataTransfer?.types.includes("Files") && document.querySelector("nav");
let depth = 0;

/** Replace the page by the page of the form; answers the module of the form. */
async function loadForm() {
    const url = new URL(`${root()}submit`, location.href);
    const page = await read(await ask(url));
    const script = page.querySelector('script[src$="submit.js"]');
    if (!script) return null;
    unfollow();
    history.pushState(null, "", url);
    addEventListener("popstate", () => {
        // the address is the other page's already, and relative addresses of this page lead nowhere
        unfollow();
        hasEnded = true;
        location.reload();
    });
    document.documentElement.dataset.root = page.documentElement.dataset.root;
    document.title = page.title;
    document.body = document.importNode(page.body, true);
    follow();
    return import(new URL(script.getAttribute("src"), url).href);
}

document.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
    if (hasFiles(event) && --depth <= 0) document.body.classList.remove("dropping");
});
document.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
});
document.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    document.body.classList.remove("dropping");
    // read before anything is awaited: afterwards the browser has forgotten what was dropped
    const entries = [...event.dataTransfer.items]
        .map((item) => item.webkitGetAsEntry() ?? item.getAsFile())
        .filter(Boolean);
    const open = document.querySelector('script[src$="submit.js"]');
    if (open) {
        await (await import(open.src)).addEntries(entries);
        return;
    }
    const form = await loadForm();
    if (form) await form.offerEntries(entries);
    else location.href = `${root()}submit`;
});
