// What opens a dialog: the list of all keys, the palette, the peek and the menu of a value. Loaded when somebody asks for one.

import { ENDED, copy, load } from "./app.js";

const ALWAYS = [
    ["j, k", "next and previous row of a list"],
    ["Enter", "open the marked row"],
    ["Space", "peek at the marked row"],
    ["x, Shift+x", "select the marked row, or all rows up to the marked row"],
    ["c", "copy the hash of the marked row, or of the sample"],
    [".", "what can be done with the focused value"],
    ["Ctrl+K", "go to a page, or look for a sample"],
];

/**
 * Make an element with a text.
 * @param {string} name
 * @param {string} text
 */
function make(name, text) {
    const element = document.createElement(name);
    element.textContent = text;
    return element;
}

/**
 * What a marked element does, in words.
 * @param {HTMLElement} marked
 */
function said(marked) {
    return marked.getAttribute("aria-label") || (marked.closest("label") ?? marked).textContent.trim();
}

/**
 * Show a dialog of its own, which goes when closed.
 * @param {string} title
 */
function open(title) {
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", title);
    dialog.append(make("h2", title));
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
}

/** Show all keys of the page. */
export function keys() {
    const own = [...document.querySelectorAll("[data-key]:not([hidden])")].map((one) => [one.dataset.key, said(one)]);
    const list = document.createElement("dl");
    for (const [key, does] of [...own, ...ALWAYS]) {
        const term = document.createElement("dt");
        term.append(make("kbd", key));
        list.append(term, make("dd", does));
    }
    const close = make("button", "Close");
    const dialog = open("Keys");
    close.addEventListener("click", () => dialog.close());
    dialog.append(list, close);
}

/**
 * Go to a page or a saved query by the begin of its name, or to samples by a hash or a word.
 * @param {string[]} early keys that were pressed before the palette was there
 */
export function palette(early) {
    const pages = [...document.querySelectorAll("header nav a, footer a")].map((link) => [link.textContent.trim(), link.href]);
    const search = document.querySelector("form.query");
    const dialog = open("Go to");
    const form = document.createElement("form");
    const field = document.createElement("input");
    const list = document.createElement("ul");
    field.setAttribute("aria-label", "A page, a saved query, a hash or a word");
    form.append(field, list);
    dialog.append(form);

    const show = () => {
        const wanted = field.value.trim();
        const fits = (name) => name.replace("☆ ", "").toLowerCase().startsWith(wanted.toLowerCase());
        const found = pages.filter(([name]) => fits(name));
        if (wanted && search) found.push([`Samples with “${wanted}”`, `${search.action}?q=${encodeURIComponent(wanted)}`]);
        if (search && /^[0-9a-f]{64}$/i.test(wanted)) {
            found.unshift(["The sample with this hash", new URL(`sample/${wanted.toLowerCase()}`, search.action).href]);
        }
        list.replaceChildren(...found.map(([name, href]) => {
            const item = document.createElement("li");
            const link = make("a", name);
            link.href = href;
            item.append(link);
            return item;
        }));
    };
    // saved queries stand on the page of the account
    load(`${document.documentElement.dataset.root}me`).then((page) => {
        pages.push(...[...page.querySelectorAll("[data-saved]")].map((link) => [`☆ ${link.textContent.trim()}`, link.href]));
        show();
    }).catch(() => {}); // without saved queries the palette works, too
    field.addEventListener("input", show);
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        list.querySelector("a")?.click();
    });
    for (const key of early) {
        if (key === "Backspace") field.value = field.value.slice(0, -1);
        else if ([...key].length === 1) field.value += key;
    }
    show();
    field.focus();
    if (early.includes("Escape")) dialog.close();
    else if (early.includes("Enter")) form.requestSubmit();
}

/**
 * Put a text or parts of another page into a dialog that is still open.
 * @param {HTMLElement} place
 * @param {string} href
 * @param {(page: Document) => (Node | string)[]} choose
 */
async function fill(place, href, choose) {
    try {
        place.replaceChildren(...choose(await load(href)));
    } catch (error) {
        place.replaceChildren(error.message === ENDED ? ENDED : "The page cannot be reached now: try again, or open the page.");
    }
}

/**
 * The parts of a page that a peek shows; the heading, where the page marks no parts.
 * @param {Document} page
 */
function essence(page) {
    const marked = [...page.querySelectorAll("[data-peek]")];
    return marked.length ? marked : [...page.querySelectorAll("h1")];
}

/**
 * Show the essence of the page that a link leads to.
 * @param {HTMLAnchorElement} link
 */
export async function peek(link) {
    const dialog = open("Peek");
    const place = make("div", "…");
    const way = make("a", "Open the page");
    way.href = link.href;
    dialog.append(place, way);
    way.focus();
    dialog.addEventListener("keydown", (event) => {
        if (event.key !== " ") return;
        event.preventDefault();
        event.stopPropagation(); // behind the dialog the same key opens a peek
        dialog.close();
    });
    await fill(place, link.href, (page) => essence(page).map((part) => {
        const shown = document.importNode(part, true);
        for (const form of shown.querySelectorAll("form")) form.remove(); // a peek changes nothing
        for (const one of [shown, ...shown.querySelectorAll("*")]) for (const name of ["id", "data-key"]) one.removeAttribute(name);
        return shown;
    }));
}

/**
 * Show what can be done with a value: search, exclude, copy. Says how many samples have the value.
 * @param {HTMLElement} element
 */
export function menu(element) {
    // escaped in the page, where no hostile text stands as it is
    const [term, value] = [element.dataset.term, element.dataset.value].map(decodeURIComponent);
    const box = document.querySelector("form.query");
    const before = new URL(location.href).pathname.endsWith("/samples") ? box.elements.q.defaultValue.trim() : "";
    const to = (query) => `${box.action}?q=${encodeURIComponent(query)}`;
    const dialog = open("Menu");
    const list = document.createElement("ul");
    const add = (one) => {
        const item = document.createElement("li");
        item.append(one);
        list.append(item);
        return one;
    };
    dialog.append(make("code", term), list);
    add(make("a", "Search samples with it")).href = to(term);
    add(make("a", "Exclude it")).href = to(before ? `${before} -${term}` : `-${term}`);
    add(make("button", "Copy it")).addEventListener("click", async () => {
        dialog.close();
        await copy(value);
    });
    fill(add(make("span", "counting …")), to(term), (page) => [page.querySelector("h1 .none")?.textContent.trim() ?? "not known"]);
    list.querySelector("a").focus();
}
