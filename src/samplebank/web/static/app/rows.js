// Rows of lists: marked, selected, opened and compared.

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
        remember(SELECTED, target.value);
    }
});

for (const field of document.querySelectorAll("input[data-selected]")) {
    const selected = recall(SELECTED) ?? "";
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

/** What opens dialogs; nothing, and a word of why, while the service cannot be reached. */
async function loadDialogs() {
    return import("./keys.js").catch(() => alarm("The service cannot be reached. Load the page again in a while."));
}

async function more(name, element) {
    if (element && !document.querySelector("dialog[open]")) (await loadDialogs())?.[name](element);
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
document.addEventListener("click", (event) => {
    const row = event.target instanceof Element && event.target.closest("tr[data-row]");
    if (row && !event.target.closest("a, button, input, [data-copy]")) mark(row);
});

// Who comes back to a list goes on from the row that was opened.
document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("tr[data-row] a");
    if (link) history.replaceState({ ...history.state, opened: link.getAttribute("href") }, "");
});

if (performance.getEntriesByType("navigation")[0]?.type === "back_forward" && history.state?.opened) {
    const row = listed().find((one) => one.querySelector(`a[href="${CSS.escape(history.state.opened)}"]`));
    if (row) mark(row);
}
