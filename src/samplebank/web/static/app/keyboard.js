// Each thing that a page can do has a key.

function isTyping(target) {
    if (target instanceof HTMLInputElement && target.type === "checkbox") return false;
    return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** @type {string[] | null} */
let early = null; // keys that are pressed while a dialog is loaded

/** Show the list of all keys, or the palette. What is typed before the palette is there comes into its box. */
async function show(name) {
    if (early || document.querySelector("dialog[open]")) return;
    early = [];
    const dialogs = await loadDialogs();
    dialogs?.[name](early);
    early = null;
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
    if (document.querySelector("dialog[open]") || event.ctrlKey || event.altKey || event.metaKey) return;
    if (early && event.key !== "Tab") {
        event.preventDefault();
        early.push(event.key);
        return;
    }
    if (isTyping(event.target)) return;
    const own = { " ": "Space", X: "Shift+x" }[event.key] ?? event.key;
    const turned = event.target instanceof Element && event.target.closest("[role=switch]");
    if (own === "Space" && turned instanceof HTMLElement) {
        event.preventDefault();
        turned.click();
        return;
    }
    // a space opens and presses what has the focus, but for a link
    if (own === "Space" && event.target instanceof Element && event.target.closest("button, summary, input")) return;
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
