// What every page does with scripts. Without scripts all pages work: everything here is a shortcut to a link or a form.

const COPIED = 1200; // milliseconds for which a copied value is marked
const GO = { t: "", s: "samples", j: "jobs", m: "me" };

const root = document.documentElement.dataset.root;

function isTyping(target) {
    return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Copy a text, also where browsers hide the clipboard from scripts, as over plain HTTP, or keep the clipboard closed. */
async function copy(text) {
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
    await copy(target.dataset.copy);
    target.classList.add("copied");
    setTimeout(() => target.classList.remove("copied"), COPIED);
});

/** Rows of lists are gone through with j and k, and opened with Enter. */
function move(step) {
    const rows = [...document.querySelectorAll("tr[data-row]")];
    if (!rows.length) return;
    const current = rows.findIndex((row) => row.classList.contains("selected"));
    const next = rows[Math.min(rows.length - 1, Math.max(0, current + step))];
    rows[current]?.classList.remove("selected");
    next.classList.add("selected");
    next.querySelector("a")?.focus();
    next.scrollIntoView({ block: "nearest" });
}

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

let isGoing = false;

document.addEventListener("keydown", (event) => {
    if (event.key === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
        event.preventDefault();
        show("palette");
        return;
    }
    if (document.querySelector("dialog[open]") || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    if (isGoing && event.key in GO) {
        isGoing = false;
        location.href = root + GO[event.key];
        return;
    }
    isGoing = event.key === "g";
    const marked = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (marked instanceof HTMLElement) {
        event.preventDefault();
        if (isTyping(marked)) marked.focus();
        else marked.click();
    } else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
});
